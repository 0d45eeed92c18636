package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// reader copes with a record that comes twice. What kgo does unasked, to
// compress with snappy, costs less than the bytes that it spares both sides.
func (c Config) producing() []kgo.Opt {
	return []kgo.Opt{
		kgo.RecordPartitioner(newPartitioner(c.Topics)),
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
	ctx, span := b.sendProgress(ctx, ev)
	r := encode(b.cfg.Tracer.Header(ctx), b.cfg.Topics.Progress, order.ProgressEventType, ev.OrderID, ev)
	err := b.produce(ctx, r)
	end(span, err)
	if err != nil {
		return fmt.Errorf("publish progress of order %s: %w", ev.OrderID, err)
	}
	b.cfg.Meter.Told(ev.Status, time.Since(order.AcceptedAt(ev.OrderID)))
	return nil
}

// produce writes records and waits until all are acknowledged, one has failed
// for good, or ctx ends.
func (b *Bus) produce(ctx context.Context, records ...*kgo.Record) error {
	err := b.send(ctx, records).wait(ctx)
	b.mend(ctx, err)
	return err
}

func (b *Bus) send(ctx context.Context, records []*kgo.Record) *acks {
	w := &acks{left: len(records), done: make(chan struct{})}
	if w.left == 0 {
		close(w.done)
	}
	writer := b.writer.Load()
	for _, r := range records {
		writer.Produce(ctx, r, w.ack)
	}
	return w
}

// acks counts the acknowledgements of records that were sent together. kgo
// calls ack from one goroutine at a time; done orders its writes before the
// waiter's reads.
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

// known waits until all is known, and reports whether that is before ctx ends.
func (w *acks) known(ctx context.Context) bool {
	select {
	case <-w.done:
		return true
	default:
	}
	select {
	case <-w.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// wait returns the first error, or ctx's when it ends before all is known.
func (w *acks) wait(ctx context.Context) error {
	if w.known(ctx) {
		return w.err
	}
	return context.Cause(ctx)
}

// mend does what lets a later try succeed where one of errs says that none would.
func (b *Bus) mend(ctx context.Context, errs ...error) {
	b.repair(ctx, errs...)
	b.renew(ctx, errs...)
}

// repair makes topics usable again that were deleted, or deleted and made
// anew, when one of errs says so: it creates what is missing and has kgo
// forget what it knew. One goroutine does it; the others fail and try again
// later.
func (b *Bus) repair(ctx context.Context, errs ...error) {
	lost := slices.IndexFunc(errs, topicLost)
	if lost < 0 || !b.repairing.TryLock() {
		return
	}
	defer b.repairing.Unlock()
	b.log.Warn().Err(errs[lost]).Msg("a topic is gone or was replaced; creating what is missing")
	if err := b.EnsureTopics(ctx); err != nil {
		b.log.Warn().Err(err).Msg("topics could not be created")
	}
	if errors.Is(errs[lost], kerr.UnknownTopicID) {
		b.writer.Load().PurgeTopicsFromProducing(b.topics()...)
	}
}

func topicLost(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID)
}

// renewEvery is the time between two writers at least: one that is refused
// again costs its connections.
const renewEvery = time.Second

// renew replaces a writer that no broker gave a producer id, for want of a right,
// say. kgo keeps such a refusal, and fails with it all that the client is ever
// given, also once the right is there. The others fail and try again later.
func (b *Bus) renew(ctx context.Context, errs ...error) {
	if !slices.ContainsFunc(errs, refusedForGood) || !b.repairing.TryLock() {
		return
	}
	defer b.repairing.Unlock()
	old := b.writer.Load()
	_, _, err := old.ProducerID(ctx)
	if !refusedForGood(err) || time.Since(b.renewed) < renewEvery {
		return
	}
	b.log.Error().Err(err).Msg("no broker gives this producer an id; the next try is a new producer's")
	fresh, err := b.client(b.cfg.producing()...)
	if err != nil {
		b.log.Error().Err(err).Msg("the producer could not be replaced")
		return
	}
	b.writer.Store(fresh)
	b.renewed = time.Now()
	if old != b.producer { // which is asked for topics and offsets
		old.Close()
	}
}

// refusedForGood reports whether err is a broker's, and one after which kgo does
// not try again.
func refusedForGood(err error) bool {
	answer, ok := errors.AsType[*kerr.Error](err)
	return ok && !answer.Retriable
}
