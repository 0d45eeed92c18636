package bus

import (
	"encoding/binary"
	"slices"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// slotBits makes a slot of 16 ms: the low bits of a time in milliseconds that do
// not count.
//
// Longer ones would spare a broker little more: a round has some three slots as it
// is, where it would have all partitions. But the orders of a short rush should
// have several, for each partition is one worker's alone.
const slotBits = 4

// partitioner says which partition a record goes to. Orders that were accepted in
// the same slot go together in the topics that have one record of an order, as a
// round of the relay does: what a broker writes, replicates and syncs is a batch of
// a partition. In all others the key is hashed, as every Kafka client does.
type partitioner struct {
	byKey, bySlot kgo.Partitioner
	once          []string // topics that have one record of an order
}

func newPartitioner(t Topics) partitioner {
	return partitioner{
		byKey:  kgo.StickyKeyPartitioner(nil),
		bySlot: kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int { return slotted }),
		once:   []string{t.Reservations, t.Created},
	}
}

// ForTopic implements kgo.Partitioner.
func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	if slices.Contains(p.once, topic) {
		return p.bySlot.ForTopic(topic)
	}
	return p.byKey.ForTopic(topic)
}

// slotted takes the slot from the order id that is r's key: its first 48 bits are
// the time in milliseconds (RFC 9562, 5.7). So a record that is written again goes to
// the partition of the first. A dead letter's key may be anything, and then it
// is the first partition.
func slotted(r *kgo.Record, partitions int) int {
	id, _ := uuid.ParseBytes(r.Key)
	slot := binary.BigEndian.Uint64(id[:8]) >> (16 + slotBits)
	return int(slot % uint64(partitions))
}
