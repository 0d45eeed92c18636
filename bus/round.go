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

// publish sends the events of a round's batches together and reports whether
// all were acknowledged. Each batch has a fate of its own: one that is late, or
// fails, keeps its row, and when its lease has expired a sweeper publishes it.
//
// A broker refuses what it was sent for a partition as a whole, so one record
// that is too large would take the others of its round with it, in every round
// again. Batches that were refused are therefore tried once more, each alone.
func (r *Relay) publish(round []leased) (all bool) {
	begun := time.Now()
	ours := slices.DeleteFunc(slices.Clone(round), r.late)
	all = len(ours) == len(round)
	for i, err := range r.send(ours) {
		if refused(err) && len(ours) > 1 {
			err = r.send(ours[i : i+1])[0]
		}
		all = r.conclude(ours[i], time.Since(begun), err) && all
	}
	return all
}

// late reports whether b must be left to a sweeper. What is sent in time may
// still arrive late, and then twice: that is what readers are made for.
func (r *Relay) late(b leased) bool {
	err := failpoint.Hit(failpoint.RelayPublishBefore)
	return err != nil || r.life.finishing.Err() != nil || !time.Now().Before(b.until)
}

// send returns what became of each batch of a round by the end of its last
// lease. Under load the leases of a round end together; at other times it is
// better to be patient with all than to leave all at the first one's end.
func (r *Relay) send(round []leased) []error {
	if len(round) == 0 {
		return nil
	}
	ctx, cancel := context.WithDeadline(r.life.finishing, round[len(round)-1].until)
	defer cancel()
	events, traced := make([][]*kgo.Record, len(round)), make([]sends, len(round))
	for i, b := range round { // all are encoded first: kgo's linger is short
		traced[i] = r.bus.sendOrders(ctx, b)
		events[i] = r.bus.encodeOrders(b.Orders, traced[i])
	}
	errs := r.bus.produceEach(ctx, events)
	for i, err := range errs {
		traced[i].end(err)
	}
	return errs
}

// conclude notes what became of b and reports whether it was published.
func (r *Relay) conclude(b leased, took time.Duration, err error) bool {
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
