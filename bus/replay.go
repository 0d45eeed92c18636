package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// replayPatience is how long a replay waits for dead letters that are listed.
const replayPatience = 30 * time.Second

// ReplayDeadLetters writes the dead letters that are there now back to their
// topic and returns how many. What cannot be processed this time either comes
// back as a new dead letter, which this call does not meet. How far it got is
// kept in a consumer group of its own, so that no letter is replayed twice; a
// call that was cut off may repeat the last ones, which is harmless.
func (b *Bus) ReplayDeadLetters(ctx context.Context) (replayed int, err error) {
	topic := deadLetters(b.cfg.Topics.Reservations)
	from, to, err := b.unreplayed(ctx, topic)
	if err != nil || len(from) == 0 {
		return 0, err
	}
	client, err := b.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.KeepControlRecords(), // one may be the last of its partition
	)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	for len(to) > 0 {
		n, err := b.replayPoll(ctx, client, to)
		replayed += n
		if err != nil {
			return replayed, fmt.Errorf("replay dead letters: %w", err)
		}
	}
	return replayed, nil
}

// unreplayed returns where each partition with dead letters to replay begins
// and ends.
func (b *Bus) unreplayed(ctx context.Context, topic string) (from map[int32]kgo.Offset, to map[int32]int64, err error) {
	starts, err := b.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list dead letters: %w", err)
	}
	ends, err := b.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list dead letters: %w", err)
	}
	done, err := b.admin.FetchOffsets(ctx, b.replayGroup())
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // nothing was replayed yet
		return nil, nil, fmt.Errorf("read how far dead letters were replayed: %w", err)
	}
	from, to = map[int32]kgo.Offset{}, map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, end.Partition)
		begin := start.Offset
		if d, ok := done.Lookup(topic, end.Partition); ok && d.At <= end.Offset { // else it was another log
			begin = max(begin, d.At)
		}
		if begin < end.Offset {
			from[end.Partition], to[end.Partition] = kgo.NewOffset().At(begin), end.Offset
		}
	})
	return from, to, nil
}

func (b *Bus) replayGroup() string { return b.cfg.Group + ".dlq-replay" }

// replayPoll writes one poll's letters back, notes how far it got and takes
// finished partitions out of to. What comes behind a partition's end finishes it
// as well: where the topic is compacted, the last one before may be gone.
func (b *Bus) replayPoll(ctx context.Context, client *kgo.Client, to map[int32]int64) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, replayPatience, fmt.Errorf("no dead letter came for %v", replayPatience))
	defer cancel()
	fetches := client.PollFetches(ctx)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err := fetchError(fetches); err != nil {
		return 0, err
	}
	var letters []*kgo.Record
	var done kadm.Offsets
	fetches.EachRecord(func(r *kgo.Record) {
		end, wanted := to[r.Partition]
		if wanted && r.Offset+1 >= end {
			delete(to, r.Partition)
		}
		if !wanted || r.Offset >= end {
			return
		}
		done.AddOffset(r.Topic, r.Partition, r.Offset+1, -1)
		if !r.Attrs.IsControl() {
			letters = append(letters, b.revived(r))
		}
	})
	if err := b.produce(ctx, letters...); err != nil {
		return 0, err
	}
	return len(letters), b.admin.CommitAllOffsets(ctx, b.replayGroup(), done)
}

// revived is a dead letter as it was before it died. It goes back to our own
// topic, whatever its headers say.
func (b *Bus) revived(dead *kgo.Record) *kgo.Record {
	r := &kgo.Record{Topic: b.cfg.Topics.Reservations, Key: dead.Key, Value: dead.Value}
	for _, h := range dead.Headers {
		if !slices.Contains(deadHeaderKeys(), h.Key) {
			r.Headers = append(r.Headers, h)
		}
	}
	return r
}
