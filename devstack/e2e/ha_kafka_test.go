package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"

	"order-service/devstack/kafka/apache"
)

// newBrokers are three Apache Kafkas that replicate everything.
func newBrokers(t *testing.T) *apache.Cluster {
	t.Helper()
	if os.Getenv("KAFKA_KIND") != "apache" {
		t.Skip("make test-ha and make test-real run it: it needs Java and Maven")
	}
	begun := time.Now()
	brokers, err := apache.StartCluster(t.Context(), apache.ClusterConfig{
		Brokers: 3, Port: func() (int, error) { return freePort(t), nil },
		Dir: t.TempDir(), Log: zerolog.New(zerolog.NewTestWriter(t)),
	})
	t.Cleanup(brokers.Stop)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("three brokers after %s", time.Since(begun))
	return brokers
}

// While one broker of three is away everything goes on, and while two are,
// orders are taken: they wait in the outbox, and their sagas after it, until
// there are enough brokers again.
func TestHASaleGoesOnWhileOneAndThenTwoOfThreeBrokersAreKilled(t *testing.T) {
	t.Parallel()
	brokers := newBrokers(t)
	s := newShop(t, "KAFKA_BOOTSTRAP", brokers.Addresses(), "KAFKA_REPLICATION", "3")
	s.start("all")
	s.expectReplicated()
	s.saleThrough(func(string) {
		begun := time.Now()
		first := s.coordinator()
		second := first%3 + 1
		kill(t, brokers, first)
		confirmed := s.count(confirmedOrders) + (crowdAtOnce+1)*applied // some of them came later
		s.wait("orders are confirmed without one broker", patience, func() bool { return s.count(confirmedOrders) >= confirmed })
		t.Logf("broker %d was away for %s", first, time.Since(begun))

		kill(t, brokers, second)
		taken := s.count(allOrders)
		s.wait("orders are taken without two brokers", patience, func() bool { return s.count(allOrders) > taken && s.count(unpublished) > 0 })
		t.Logf("and broker %d, %s after the first", second, time.Since(begun))
		if err := brokers.Start(context.Background(), first, second); err != nil {
			t.Error(err)
		}
		t.Logf("three brokers again after %s", time.Since(begun))
	})
}

// What the database is asked while brokers are away.
const (
	allOrders       = `SELECT count(*) FROM orders`
	confirmedOrders = `SELECT count(*) FROM orders WHERE status = 'CONFIRMED'`
	unpublished     = `SELECT count(*) FROM outbox`
)

func (s *shop) count(query string) (n int) {
	s.t.Helper()
	s.ask(query, &n)
	return n
}

func kill(t *testing.T, brokers *apache.Cluster, id int32) {
	t.Helper()
	if err := brokers.Kill(id); err != nil {
		t.Error(err)
	}
}

// coordinator is the broker that the workers' group depends on: of the three it
// is the one whose end is noticed most. There is none until the group's own
// topic has leaders.
func (s *shop) coordinator() (id int32) {
	s.t.Helper()
	group, admin := s.env["KAFKA_CONSUMER_GROUP"], kadm.NewClient(s.kafka())
	s.wait("the group has a coordinator", patience, func() bool {
		found := admin.FindGroupCoordinators(s.t.Context(), group)[group]
		id = found.NodeID
		return found.Err == nil
	})
	return id
}

// expectReplicated fails the test unless a record is on two brokers before it
// is acknowledged, and on three in the end.
func (s *shop) expectReplicated() {
	s.t.Helper()
	admin, topic := kadm.NewClient(s.kafka()), s.env["KAFKA_TOPIC_ORDER_RESERVATIONS"]
	s.wait("the topic has three replicas", patience, func() bool { // a broker hears of it later than the one it was made at
		topics, err := admin.ListTopics(s.t.Context(), topic)
		if err != nil {
			s.t.Fatal(err)
		}
		return topics[topic].Partitions.NumReplicas() == 3
	})
	configs, err := admin.DescribeTopicConfigs(s.t.Context(), topic)
	if err != nil {
		s.t.Fatal(err)
	}
	resource, err := configs.On(topic, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range resource.Configs {
		if c.Key == "min.insync.replicas" && c.MaybeValue() != "2" {
			s.t.Errorf("%s is %s", c.Key, c.MaybeValue())
		}
	}
}
