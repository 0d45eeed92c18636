package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/failpoint"
)

// stuckAfter is how long the next round waits for this one. A broker is rarely so
// slow, and then as a whole; but a partition that nobody leads, or that has too few
// replicas, takes nothing until the end of a lease, and it is one of many.
const stuckAfter = 10 * gather

// flight is a batch on its way to the brokers.
type flight struct {
	leased
	acks   *acks
	traced sends
	alone  bool // in its round
}

// publish sends the events of a round's batches together and reports whether
// none has failed. Each batch has a fate of its own: one that is late, or fails,
// keeps its row, and when its lease has expired a sweeper publishes it.
//
// What is not acknowledged soon is waited for beside the next rounds, as long as
// that is not too much.
func (r *Relay) publish(round []leased) (all bool) {
	ours := slices.DeleteFunc(slices.Clone(round), r.late)
	if len(ours) == 0 {
		return len(round) == 0
	}
	begun := time.Now()
	ctx, cancel := r.untilEnd(ours)
	arrived, stuck := r.send(ctx, ours).parted(ctx)
	all = r.conclude(ctx, arrived, begun) && len(ours) == len(round)
	if weight := stuck.orders(); len(stuck) > 0 && r.stuck.TryAcquire(weight) {
		r.waiting.Go(func() {
			defer cancel()
			defer r.stuck.Release(weight)
			r.conclude(ctx, stuck, begun)
		})
		return all
	}
	defer cancel()
	return r.conclude(ctx, stuck, begun) && all
}

// late reports whether b must be left to a sweeper. What is sent in time may
// still arrive late, and then twice: that is what readers are made for.
func (r *Relay) late(b leased) bool {
	err := failpoint.Hit(failpoint.RelayPublishBefore)
	return err != nil || r.life.finishing.Err() != nil || !time.Now().Before(b.until)
}

// untilEnd is the time of a round, until the end of its last lease. Under load the
// leases of a round end together; at other times it is better to be patient with
// all than to leave all at the first one's end.
func (r *Relay) untilEnd(round []leased) (context.Context, context.CancelFunc) {
	return context.WithDeadline(r.life.finishing, round[len(round)-1].until)
}

// flights are on their way together.
type flights []flight

func (r *Relay) send(ctx context.Context, round []leased) flights {
	events, sent := make([][]*kgo.Record, len(round)), make(flights, len(round))
	for i, b := range round { // all are encoded first: kgo's linger is short
		sent[i] = flight{leased: b, traced: r.bus.sendOrders(ctx, b), alone: len(round) == 1}
		events[i] = r.bus.encodeOrders(b.Orders, sent[i].traced)
	}
	for i := range sent {
		sent[i].acks = r.bus.send(ctx, events[i])
	}
	return sent
}

// parted waits a while for all, and tells those of which all is known from the
// others.
func (all flights) parted(ctx context.Context) (arrived, stuck flights) {
	soon, cancel := context.WithTimeout(ctx, stuckAfter)
	defer cancel()
	for _, f := range all {
		if f.acks.known(soon) {
			arrived = append(arrived, f)
		} else {
			stuck = append(stuck, f)
		}
	}
	return arrived, stuck
}

func (all flights) orders() (n int64) {
	for _, f := range all {
		n += int64(len(f.Orders))
	}
	return n
}

// conclude waits for flights until ctx ends, notes what became of each, and reports
// whether all were published.
//
// A broker refuses what it was sent for a partition as a whole, so one record
// that is too large would take the others of its round with it, in every round
// again. Batches that were refused are therefore tried once more, each alone.
func (r *Relay) conclude(ctx context.Context, sent flights, begun time.Time) (all bool) {
	all = true
	for i, err := range r.outcomes(ctx, sent) {
		if f := sent[i]; refused(err) && !f.alone {
			err = r.again(f.leased)
		}
		all = r.note(sent[i].leased, time.Since(begun), err) && all
	}
	return all
}

// outcomes waits for flights until ctx ends and returns what became of each.
func (r *Relay) outcomes(ctx context.Context, sent flights) []error {
	errs := make([]error, len(sent))
	for i, f := range sent {
		errs[i] = f.acks.wait(ctx)
		f.traced.end(errs[i])
	}
	r.bus.mend(ctx, errs...)
	return errs
}

// again sends b alone.
func (r *Relay) again(b leased) error {
	alone := []leased{b}
	ctx, cancel := r.untilEnd(alone)
	defer cancel()
	return r.outcomes(ctx, r.send(ctx, alone))[0]
}

// note notes what became of b and reports whether it was published.
func (r *Relay) note(b leased, took time.Duration, err error) bool {
	err = failpoint.After(failpoint.RelayPublishAfter, err)
	r.bus.cfg.Meter.Published(len(b.Orders), took, err)
	if err != nil {
		r.log.Warn().Err(err).Int64("batch", b.ID).Int("orders", len(b.Orders)).Msg("batch not published, left in the outbox")
		return false
	}
	r.acked <- b.ID // deleteAcked reads until every publisher has returned
	return true
}

// refused reports whether err is about what was sent, so that sending it again
// in the same company is of no use.
func refused(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) || errors.Is(err, kerr.InvalidRecord)
}
