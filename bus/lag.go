package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"
)

// Lag is how many reservations the consumer group has not committed yet, over
// all partitions. A partition that it has never committed is read from its
// start, so all of it counts. The error is about Kafka, or ctx's.
func (b *Bus) Lag(ctx context.Context) (int64, error) {
	produced, consumed, err := b.reservations(ctx)
	return produced - consumed, err
}

// reservations counts what was ever written to the topic and how much of that
// the consumer group has committed or can never read.
func (b *Bus) reservations(ctx context.Context) (produced, consumed int64, err error) {
	var (
		topic      = b.cfg.Topics.Reservations
		committed  kadm.OffsetResponses
		start, end kadm.ListedOffsets
	)
	asking, ctx := errgroup.WithContext(ctx)
	asking.Go(func() (err error) { committed, err = b.committed(ctx); return err })
	asking.Go(func() (err error) { start, err = b.admin.ListStartOffsets(ctx, topic); return err })
	asking.Go(func() (err error) { end, err = b.admin.ListEndOffsets(ctx, topic); return err })
	err = asking.Wait()
	if err = errors.Join(err, start.Error(), end.Error()); err != nil {
		return 0, 0, fmt.Errorf("consumer lag: %w", err)
	}
	end.Each(func(last kadm.ListedOffset) {
		read := start[topic][last.Partition].Offset
		if c, ok := committed.Lookup(topic, last.Partition); ok {
			read = max(read, c.At)
		}
		produced += last.Offset
		consumed += min(read, last.Offset)
	})
	return produced, consumed, nil
}

// committed is empty where the group does not exist yet.
func (b *Bus) committed(ctx context.Context) (kadm.OffsetResponses, error) {
	offsets, err := b.admin.FetchOffsets(ctx, b.cfg.Group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	return offsets, errors.Join(err, offsets.Error())
}
