package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestSaleGoesOnWhileKafkaIsDown(t *testing.T) {
	t.Parallel()
	kafka := newBroker(t)
	s := newShop(t, "KAFKA_BOOTSTRAP", kafka.address)
	s.start("all")
	s.saleThrough(func(string) {
		kafka.stop()
		time.Sleep(either(5*time.Second, time.Minute))
		kafka.start()
	})
}

// Every record of the service's topics comes a second time, a little later, as
// after a producer's retry or a lost commit; at the end they all come again, to
// a group that has forgotten where it was.
func TestEverythingThatKafkaDeliversTwiceHappensOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	svc := s.start("all")
	stop := s.echo()
	sale := s.openDoors()
	time.Sleep(either(4*time.Second, time.Minute))
	sale.settle()
	stop()

	svc.stop()
	s.forgetOffsets()
	again := s.startAt(svc.addr, suite.binary, "all", nil)
	s.expectNoLag()
	again.stop()
	s.startAt(svc.addr, suite.binary, "all", nil)
	s.expectSettled(sale.waves)
}

// echo repeats every record of the shop's topics until the function is called.
func (s *shop) echo() (stop func()) {
	s.t.Helper()
	const mark = "echo"
	client := s.reader(s.env["KAFKA_TOPIC_ORDER_RESERVATIONS"], s.env["KAFKA_TOPIC_ORDER_CREATED"], s.env["KAFKA_TOPIC_ORDER_PROGRESS"])
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				if slices.ContainsFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == mark }) {
					return
				}
				headers := append(slices.Clone(r.Headers), kgo.RecordHeader{Key: mark})
				client.Produce(ctx, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: headers}, nil)
			})
		}
	}()
	return func() { cancel(); <-done; client.Close() }
}

// reader reads topics from their start; it ends with the test at the latest.
func (s *shop) reader(topics ...string) *kgo.Client {
	s.t.Helper()
	return s.kafka(kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
}

// kafka is a client that ends with the test at the latest.
func (s *shop) kafka(opts ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	opts = slices.Concat(s.login, opts, []kgo.Opt{kgo.SeedBrokers(strings.Split(s.env["KAFKA_BOOTSTRAP"], ",")...)})
	client, err := kgo.NewClient(opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(client.Close)
	return client
}

// forgetOffsets deletes the consumer group, which has no members. One that is
// not there (any more: an earlier attempt's answer may have come too late) has
// nothing to forget.
func (s *shop) forgetOffsets() {
	s.t.Helper()
	admin := kadm.NewClient(s.kafka())
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		_, err := admin.DeleteGroup(s.t.Context(), s.env["KAFKA_CONSUMER_GROUP"])
		if err == nil || errors.Is(err, kerr.GroupIDNotFound) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("delete the consumer group: %v", err)
		}
	}
}

// expectNoLag waits until the group, which may not have formed yet, has
// committed everything there is.
func (s *shop) expectNoLag() {
	s.t.Helper()
	admin := kadm.NewClient(s.kafka())
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		behind, err := s.lag(admin)
		if err == nil && behind == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the group is %d records behind, %v", behind, err)
		}
	}
}

// lag is how many records the group has not committed. A busy broker may have to be
// asked again.
func (s *shop) lag(admin *kadm.Client) (behind int64, err error) {
	topic := s.env["KAFKA_TOPIC_ORDER_RESERVATIONS"]
	committed, err := admin.FetchOffsets(s.t.Context(), s.env["KAFKA_CONSUMER_GROUP"])
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return 0, err
	}
	ends, err := admin.ListEndOffsets(s.t.Context(), topic)
	ends.Each(func(end kadm.ListedOffset) {
		at, _ := committed.Lookup(topic, end.Partition)
		behind += end.Offset - max(0, at.At)
	})
	return behind, err
}

func TestPoisonRecordsAreSetAsideWhileTheSaleGoesOn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	sale := s.openDoors()
	topic := s.env["KAFKA_TOPIC_ORDER_RESERVATIONS"]
	poison := []string{"", "{", `{"orderId":"none"}`, strings.Repeat("[", 10_000), "\x00\xff"}
	client := s.kafka(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i, value := range poison {
		r := &kgo.Record{Topic: topic, Partition: int32(i), Value: []byte(value)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s.expectDeadLetters(len(poison))
	sale.settle()
	if n := s.replay(); n < len(poison) { // one that was delivered twice is there twice
		t.Errorf("%d dead letters put back, want %d", n, len(poison))
	}
	s.expectDeadLetters(2 * len(poison)) // it is still poison
	s.expectSettled(sale.waves)
}

// replay puts the dead letters back and returns how many there were.
func (s *shop) replay() (n int) {
	s.t.Helper()
	out, err := s.run("--replay-dlq")
	for line := range strings.Lines(out) {
		_, _ = fmt.Sscanf(line, "%d dead letters put back", &n) // the other lines are the log's
	}
	if err != nil {
		s.t.Errorf("replay: %v\n%s", err, out)
	}
	return n
}

// expectDeadLetters waits for n dead letters, each of which says where it comes from.
func (s *shop) expectDeadLetters(n int) {
	s.t.Helper()
	topic := s.env["KAFKA_TOPIC_ORDER_RESERVATIONS"]
	client := s.reader(topic + ".dlq")
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for found := 0; found < n; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			s.t.Fatalf("%d dead letters, want %d", found, n)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			found++
			said := map[string]string{}
			for _, h := range r.Headers {
				said[h.Key] = string(h.Value)
			}
			if said["topic"] != topic || said["reason"] == "" || said["partition"] == "" || said["offset"] == "" {
				s.t.Errorf("a dead letter says %v", said)
			}
		})
	}
}

func TestSaleGoesOnWhileWorkersComeAndGo(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("api")
	sale := s.openDoors()
	s.start("worker") // one that stays
	for n := range either(3, 20) {
		worker := s.start("worker")
		time.Sleep(2 * time.Second)
		if n%3 == 2 {
			worker.kill() // its partitions wait for its session to end
			continue
		}
		worker.stop()
	}
	sale.settle()
}
