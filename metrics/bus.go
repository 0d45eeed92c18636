package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"order-service/order"
)

// Bus measures the way of orders through Kafka.
type Bus struct {
	published, unpublished, orders prometheus.Counter
	publishing, starting           *histogram
	started, again, never          prometheus.Counter
	dead                           prometheus.Counter
	produced                       produced
}

// produced is what brokers are given to do.
type produced struct {
	requests, bytes, batches, records prometheus.Counter
}

func newBus(r prometheus.Registerer) *Bus {
	batches := counterVec(r, "relay_batches_total", "Attempts to publish a batch of the outbox.", "result")
	starts := counterVec(r, "saga_starts_total", "Attempts to start a saga for a record of the consumer group.", "result")
	publishing := timers(r, "relay_publish_duration_seconds", "Time until Kafka has acknowledged a batch.", requestBounds)
	starting := timers(r, "saga_start_duration_seconds", "Time until Temporal has started a saga.", requestBounds)
	return &Bus{
		published: batches.WithLabelValues("published"), unpublished: batches.WithLabelValues("failed"),
		orders:  counter(r, "relay_orders_total", "Orders that were published."),
		started: starts.WithLabelValues("started"), again: starts.WithLabelValues("retried"), never: starts.WithLabelValues("refused"),
		dead:       counter(r, "dead_letters_total", "Records that were put among the dead letters."),
		publishing: publishing.with(), starting: starting.with(),
		produced: produced{
			requests: counter(r, "kafka_produce_requests_total", "Produce requests sent to Kafka, repetitions among them."),
			bytes:    counter(r, "kafka_produce_bytes_total", "Bytes of produce requests, as they were sent."),
			batches:  counter(r, "kafka_produce_batches_total", "Batches of records for one partition that Kafka has acknowledged."),
			records:  counter(r, "kafka_produce_records_total", "Records that Kafka has acknowledged."),
		},
	}
}

func counter(r prometheus.Registerer, name, help string) prometheus.Counter {
	return counterVec(r, name, help).WithLabelValues()
}

// Published reports an attempt of the relay.
func (b *Bus) Published(orders int, took time.Duration, err error) {
	if err != nil {
		b.unpublished.Inc()
		return
	}
	b.published.Inc()
	b.orders.Add(float64(orders))
	b.publishing.observe(int64(took))
}

// SagaStarted reports an attempt of the consumer.
func (b *Bus) SagaStarted(took time.Duration, err error) {
	switch {
	case err == nil:
		b.started.Inc()
		b.starting.observe(int64(took))
	case order.Permanent(err):
		b.never.Inc()
	default:
		b.again.Inc()
	}
}

// DeadLettered counts a dead letter.
func (b *Bus) DeadLettered() { b.dead.Inc() }

// ProduceRequest counts a request of the producer.
func (b *Bus) ProduceRequest(bytes int) {
	b.produced.requests.Inc()
	b.produced.bytes.Add(float64(bytes))
}

// ProduceBatch counts what a broker handled as one.
func (b *Bus) ProduceBatch(records int) {
	b.produced.batches.Inc()
	b.produced.records.Add(float64(records))
}
