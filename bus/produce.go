package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

// deliveryTimeout bounds how long kgo keeps a record of which it cannot rid
// itself, so that an outage's leftovers do not pile up behind a broker.
const deliveryTimeout = 10 * time.Second

// producing configures the producer. Idempotence keeps kgo's own retries from
// doubling or reordering records. It must not keep a record for ever when its
// outcome is unknown, though: whoever published it tries again, and every
// reader copes with a record that comes twice.
func producing() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.AllowIdempotentProduceCancellation(),
		kgo.MaxBufferedRecords(50_000),
		kgo.RecordDeliveryTimeout(deliveryTimeout),
		kgo.ProduceRequestTimeout(5 * time.Second),
		kgo.ProducerLinger(2 * time.Millisecond),
		kgo.RetryTimeout(deliveryTimeout),
	}
}

// PublishProgress writes ev to order.progress and returns once the brokers
// have acknowledged it. Any error, the context's among them, means that ev may
// or may not have been written; repeating it is safe.
func (b *Bus) PublishProgress(ctx context.Context, ev order.ProgressEvent) error {
	r, err := encode(ctx, b.cfg.Topics.Progress, order.ProgressEventType, ev.OrderID, ev)
	if err == nil {
		err = b.produce(ctx, r)
	}
	if err != nil {
		return fmt.Errorf("publish progress of order %s: %w", ev.OrderID, err)
	}
	return nil
}

// publishOrders writes both events of every order and waits for all acks.
func (b *Bus) publishOrders(ctx context.Context, orders []order.Order) error {
	records := make([]*kgo.Record, 0, 2*len(orders))
	for _, o := range orders {
		reservation, err := encode(ctx, b.cfg.Topics.Reservations, order.ReservationEventType, o.ID, o.Reservation())
		if err != nil {
			return err
		}
		created, err := encode(ctx, b.cfg.Topics.Created, order.CreatedEventType, o.ID, o.Created())
		if err != nil {
			return err
		}
		records = append(records, reservation, created)
	}
	return b.produce(ctx, records...)
}

// produce writes records and waits until all are acknowledged, one has failed
// for good, or ctx ends.
func (b *Bus) produce(ctx context.Context, records ...*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	w := &acks{left: len(records), done: make(chan struct{})}
	for _, r := range records {
		b.producer.Produce(ctx, r, w.ack)
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	b.repair(ctx, w.err)
	return w.err
}

// acks counts the acknowledgements of one call to produce. kgo calls ack from
// one goroutine at a time; done orders its writes before the waiter's reads.
type acks struct {
	left int
	err  error // the first
	done chan struct{}
}

func (w *acks) ack(_ *kgo.Record, err error) {
	if w.err == nil {
		w.err = err
	}
	if w.left--; w.left == 0 {
		close(w.done)
	}
}

// repair makes topics usable again that were deleted, or deleted and made
// anew, when err says so: it creates what is missing and has kgo forget what
// it knew. One goroutine does it; the others fail and try again later.
func (b *Bus) repair(ctx context.Context, err error) {
	if !topicLost(err) || !b.repairing.TryLock() {
		return
	}
	defer b.repairing.Unlock()
	b.log.Warn().Err(err).Msg("a topic is gone or was replaced; creating what is missing")
	if err := b.EnsureTopics(ctx); err != nil {
		b.log.Warn().Err(err).Msg("topics could not be created")
	}
	if errors.Is(err, kerr.UnknownTopicID) {
		b.producer.PurgeTopicsFromProducing(b.topics()...)
	}
}

func topicLost(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID)
}
