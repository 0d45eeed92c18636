package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
	"order-service/retry"
)

// Sink takes the events that a Tail reads. Neither method may block.
type Sink interface {
	// Publish hands over one event. Events of one order come in the order
	// in which they were written.
	// It returns how many streams it has given the event to.
	Publish(ev order.ProgressEvent) (streams int)
	// Reset says that events may have been lost: what was told so far must
	// be replaced by a snapshot from the database.
	Reset()
}

// Tail reads order.progress from all partitions, as every process that serves
// streams must: it belongs to no group and commits nothing.
type Tail struct {
	bus      *Bus
	sink     Sink
	log      zerolog.Logger
	discover time.Duration // between looks for new partitions
	ready    chan struct{}
	first    sync.Once // closes ready
	at       position
}

// NewTail returns a Tail that hands events to s. It does nothing until Run.
func NewTail(b *Bus, s Sink) *Tail {
	log := quiet(b.cfg.Log.With().Str("part", "tail").Logger())
	return &Tail{bus: b, sink: s, log: log, discover: 15 * time.Second, ready: make(chan struct{})}
}

// Ready is closed once the position in every partition is fixed: the sink gets
// every event that is acknowledged from then on.
func (t *Tail) Ready() <-chan struct{} { return t.ready }

// Run reads until ctx ends and then returns nil. It returns an error only when
// the configuration is wrong; it waits for a broker or topic that is away.
func (t *Tail) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := t.follow(ctx); err != nil {
			return err
		}
	}
	return nil
}

// follow fixes the position, then reads until ctx ends or events were lost.
// The sink is reset after the position is fixed, the first time as well: a
// snapshot has what was written before it, the tail what is written after, and
// a stream may have been opened while Kafka was still away.
func (t *Tail) follow(ctx context.Context) error {
	ends := t.pin(ctx)
	if ends == nil {
		return nil
	}
	client, err := t.bus.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.topic(): offsets(ends)}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // a lost position is ours to notice
	)
	if err != nil {
		return err
	}
	defer client.Close()
	t.at.place(ends)
	defer t.at.place(nil)
	t.sink.Reset()
	t.first.Do(func() { close(t.ready) })
	t.read(ctx, client, len(ends))
	return nil
}

func (t *Tail) topic() string { return t.bus.cfg.Topics.Progress }

// pin returns the end of every partition. It tries until all can be listed and
// returns nil when ctx ends.
func (t *Tail) pin(ctx context.Context) (ends map[int32]int64) {
	failures := 0
	_ = retry.Until(ctx, func() error {
		listed, err := t.listEnds(ctx)
		if err == nil {
			ends = numbers(listed)
		}
		return err
	}, func(err error, _ time.Duration) {
		failures++
		if ctx.Err() == nil && failures > 1 { // a topic made a moment ago is not known everywhere yet
			t.log.Warn().Err(err).Msg("progress events cannot be followed yet")
		}
	})
	return ends
}

func (t *Tail) listEnds(ctx context.Context) (map[int32]kadm.ListedOffset, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	listed, err := t.bus.admin.ListEndOffsets(ctx, t.topic())
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list end offsets: %w", err)
	}
	if len(listed[t.topic()]) == 0 {
		return nil, fmt.Errorf("list end offsets: %w", kerr.UnknownTopicOrPartition)
	}
	return listed[t.topic()], nil
}

func offsets(ends map[int32]int64) map[int32]kgo.Offset {
	all := make(map[int32]kgo.Offset, len(ends))
	for partition, end := range ends {
		all[partition] = kgo.NewOffset().At(end)
	}
	return all
}

// read hands records to the sink until ctx ends or events were lost.
func (t *Tail) read(ctx context.Context, client *kgo.Client, known int) {
	ctx, cancel := context.WithCancel(ctx)
	var discovering sync.WaitGroup
	discovering.Go(func() { t.watchPartitions(ctx, client, known) })
	defer discovering.Wait()
	defer cancel()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetches.EachRecord(t.publish)
		t.at.pass(fetches)
		if err := fetchError(fetches); err != nil {
			t.log.Warn().Err(err).Msg("progress events cannot be read")
			retry.Sleep(ctx, 200*time.Millisecond) // errors come without the poll's wait
			if eventsLost(err) {
				return
			}
		}
	}
}

func (t *Tail) publish(r *kgo.Record) {
	ev, err := decodeProgress(r)
	if err != nil {
		t.log.Warn().Err(err).Int32("partition", r.Partition).Int64("offset", r.Offset).Msg("progress event skipped")
		return
	}
	t.bus.cfg.Meter.Tailed(time.Since(ev.OccurredAt.Time))
	begun := time.Now()
	t.bus.delivered(r, ev, begun, t.sink.Publish(ev))
}

// watchPartitions adds partitions made after the position was fixed, from
// their start: no event in them is older. Kafka only ever adds partitions, and
// numbers them from 0.
func (t *Tail) watchPartitions(ctx context.Context, client *kgo.Client, known int) {
	for retry.Sleep(ctx, retry.Jitter(t.discover)) {
		topics, err := t.bus.admin.ListTopics(ctx, t.topic())
		if err != nil {
			continue // the broker is away; kgo says so
		}
		added := map[int32]kgo.Offset{}
		for now := len(topics[t.topic()].Partitions); known < now; known++ {
			added[int32(known)] = kgo.NewOffset().AtStart()
		}
		if len(added) > 0 {
			t.log.Info().Int("partitions", len(added)).Msg("new partitions of progress events")
			client.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.topic(): added})
		}
	}
}

// eventsLost reports whether err means that the position no longer exists:
// the log was truncated, expired before it was read, or is another topic's.
func eventsLost(err error) bool {
	_, truncated := errors.AsType[*kgo.ErrDataLoss](err)
	return truncated || errors.Is(err, kerr.OffsetOutOfRange) || errors.Is(err, kerr.UnknownTopicID)
}
