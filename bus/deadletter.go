package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Bounds of a dead letter in bytes. A record that Kafka refused as too large
// would hold up its partition for ever, and a compressed one may have come
// through a limit that it exceeds when written again. The whole record is
// still where topic, partition and offset point.
const (
	maxDeadValue   = 768 << 10
	maxDeadKey     = 32 << 10
	maxDeadHeaders = 32 << 10
	maxDeadReason  = 1 << 10
)

// deadLetter writes r, with why and whence in headers, to its topic's dead
// letters and waits for the ack. Its errors are worth a retry.
func (b *Bus) deadLetter(ctx context.Context, r *kgo.Record, reason error) error {
	dead := &kgo.Record{
		Topic:   deadLetters(r.Topic),
		Key:     clip(r.Key, maxDeadKey),
		Value:   clip(r.Value, maxDeadValue),
		Headers: deadHeaders(r, reason),
	}
	if err := b.produce(ctx, dead); err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	b.cfg.Meter.DeadLettered()
	b.log.Error().Err(reason).Str("topic", r.Topic).Int32("partition", r.Partition).Int64("offset", r.Offset).
		Msg("record cannot be processed, dead-lettered")
	return nil
}

// Headers that say why and whence a record died.
const (
	headerDeadReason    = "reason"
	headerDeadTopic     = "topic"
	headerDeadPartition = "partition"
	headerDeadOffset    = "offset"
)

func deadHeaderKeys() []string {
	return []string{headerDeadReason, headerDeadTopic, headerDeadPartition, headerDeadOffset}
}

// deadHeaders keeps the record's own headers, for whoever replays it.
func deadHeaders(r *kgo.Record, reason error) []kgo.RecordHeader {
	headers := []kgo.RecordHeader{
		{Key: headerDeadReason, Value: clip([]byte(reason.Error()), maxDeadReason)},
		{Key: headerDeadTopic, Value: []byte(r.Topic)},
		{Key: headerDeadPartition, Value: strconv.AppendInt(nil, int64(r.Partition), 10)},
		{Key: headerDeadOffset, Value: strconv.AppendInt(nil, r.Offset, 10)},
	}
	size := 0
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value)
	}
	if size > maxDeadHeaders {
		return headers
	}
	return append(headers, r.Headers...)
}

func clip(b []byte, limit int) []byte { return b[:min(len(b), limit)] }
