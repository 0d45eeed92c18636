package bus

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

func TestOrdersOfOneMomentGoToOnePartition(t *testing.T) {
	t.Parallel()
	begun := time.Now().Truncate(16 * time.Millisecond)
	first := slotted(&kgo.Record{Key: keyAt(begun)}, partitions)
	if got := slotted(&kgo.Record{Key: keyAt(begun.Add(15 * time.Millisecond))}, partitions); got != first {
		t.Errorf("an order 15 ms later goes to partition %d, the first to %d", got, first)
	}
	var seen [partitions]int
	for ms := range 16 * partitions {
		seen[slotted(&kgo.Record{Key: keyAt(begun.Add(time.Duration(ms) * time.Millisecond))}, partitions)]++
	}
	for p, n := range seen {
		if n != 16 {
			t.Errorf("partition %d takes %d ms in a row of %d partitions, want 16", p, n, partitions)
		}
	}
}

// What an operator replays has the key it came with, and must be written all the same.
func TestARecordOfAnyKeyHasAPartition(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "not an id", uuid.Nil.String(), uuid.Max.String(), uuid.NewString()} {
		if p := slotted(&kgo.Record{Key: []byte(key)}, partitions); p < 0 || p >= partitions {
			t.Errorf("key %q goes to partition %d of %d", key, p, partitions)
		}
	}
}

// Both events of an order, and both of them again, are where its time says. What
// changes an order is hashed, for other services may join it with topics of theirs.
func TestEveryTopicHasItsPartitions(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	relay := startRelay(t, b, rows, RelayConfig{})
	batch := rows.commit(newOrders(50), time.Minute)
	relay.Offer(batch)
	relay.Offer(batch)
	for _, topic := range []string{b.cfg.Topics.Reservations, b.cfg.Topics.Created} {
		for _, r := range readTopic(t, b, topic, 100) {
			if want := slotted(r, partitions); int(r.Partition) != want {
				t.Errorf("%s has order %s in partition %d, want %d", topic, r.Key, r.Partition, want)
			}
		}
	}
	events := progress(t, b, 1)
	r := readTopic(t, b, b.cfg.Topics.Progress, 1)[0]
	key := order.AppendID(nil, events[0].OrderID)
	hashed := kgo.StickyKeyPartitioner(nil).ForTopic(r.Topic).Partition(&kgo.Record{Key: key}, partitions)
	if int(r.Partition) != hashed {
		t.Errorf("progress of order %s is in partition %d, want %d", key, r.Partition, hashed)
	}
}

// keyAt is the key of an order that was accepted at this time.
func keyAt(at time.Time) []byte { return order.AppendID(nil, idAt(at)) }

// idAt is a version 7 id of this time.
func idAt(at time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16|uint64(binary.BigEndian.Uint16(id[6:8])))
	return id
}
