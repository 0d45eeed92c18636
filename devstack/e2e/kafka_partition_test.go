package e2e

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// halfAway is a Kafka of two brokers. The second has one partition of a topic, and
// has too few replicas for it while away.
type halfAway struct {
	cluster *kfake.Cluster
	away    atomic.Bool
}

const itsPartition = 3

func newHalfAway(t *testing.T) *halfAway {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.DefaultNumPartitions(12))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	h := &halfAway{cluster: cluster}
	h.cluster.ControlKey(int16(kmsg.Produce), h.produce)
	return h
}

// lead gives the topics' partitions to the first broker, but one of the first topic.
func (h *halfAway) lead(t *testing.T, topics ...string) {
	t.Helper()
	for i, topic := range topics {
		for p := range int32(12) {
			leader := int32(0)
			if i == 0 && p == itsPartition {
				leader = 1
			}
			if err := h.cluster.MoveTopicPartition(topic, p, leader); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (h *halfAway) produce(r kmsg.Request) (kmsg.Response, error, bool) {
	h.cluster.KeepControl()
	if h.cluster.CurrentNode() == 0 || !h.away.Load() {
		return nil, nil, false
	}
	answer := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range r.(*kmsg.ProduceRequest).Topics {
		refused := kmsg.NewProduceResponseTopic()
		refused.Topic, refused.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			one := kmsg.NewProduceResponseTopicPartition()
			one.Partition, one.ErrorCode = p.Partition, kerr.NotEnoughReplicas.Code
			refused.Partitions = append(refused.Partitions, one)
		}
		answer.Topics = append(answer.Topics, refused)
	}
	return answer, nil, true
}

func TestOrdersArePublishedWhileOnePartitionTakesNone(t *testing.T) {
	t.Parallel()
	kafka := newHalfAway(t)
	s := newShop(t, "KAFKA_BOOTSTRAP", kafka.cluster.ListenAddrs()[0])
	s.start("api")
	topic := s.env["KAFKA_TOPIC_ORDER_RESERVATIONS"]
	kafka.lead(t, topic, s.env["KAFKA_TOPIC_ORDER_CREATED"], s.env["KAFKA_TOPIC_ORDER_PROGRESS"])
	kafka.away.Store(true)

	product, waiting := s.product(1000), map[string]bool{}
	for range 100 {
		id := s.anyone().buy(product, 1)
		if slotOf(id)%12 != itsPartition {
			waiting[id.String()] = true
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(waiting) < 50 || len(waiting) == 100 {
		t.Fatalf("%d of 100 orders are for other partitions", len(waiting))
	}
	reader := s.reader(topic)
	s.wait("the orders of the other partitions are published", 6*time.Second, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, r := range reader.PollFetches(ctx).Records() {
			delete(waiting, string(r.Key))
		}
		return len(waiting) == 0
	})
	kafka.away.Store(false)
	s.wait("the outbox is empty", patience, func() bool { return s.count(`SELECT count(*) FROM outbox`) == 0 })
}

// slotOf is the time of an order, in 16 ms.
func slotOf(id uuid.UUID) uint64 { return binary.BigEndian.Uint64(id[:8]) >> 20 }
