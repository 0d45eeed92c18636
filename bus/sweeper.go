package bus

import (
	"time"

	"order-service/retry"
)

// sweep publishes the batches that nobody else does: those of a process that
// died, of a queue that was full, of a broker that was away. It drains the
// outbox until a claim finds less than it asked for, then waits.
func (r *Relay) sweep() error {
	taking := r.life.taking
	for taking.Err() == nil {
		if r.sweepOnce() {
			continue
		}
		retry.Sleep(taking, retry.Jitter(r.cfg.Pause))
	}
	return nil
}

// sweepOnce claims and publishes one round and reports whether it is worth
// going on at once: rows seem to be left and Kafka has refused none. One failure
// is enough to pause, or an outage would be met with claims as fast as Postgres
// allows.
func (r *Relay) sweepOnce() bool {
	until := time.Now().Add(r.cfg.Lease) // before the claim, so ours is the shorter clock
	batches, err := r.outbox.ClaimOutbox(r.life.taking, r.cfg.Claim, r.cfg.Lease)
	if err != nil {
		if r.life.taking.Err() == nil {
			r.log.Warn().Err(err).Msg("outbox not swept")
		}
		return false
	}
	round := make([]leased, len(batches))
	for i, b := range batches {
		round[i] = leased{OutboxBatch: b, until: until, swept: true}
	}
	return r.publish(round) && len(batches) == r.cfg.Claim
}
