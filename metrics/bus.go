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
}

func newBus(r prometheus.Registerer) *Bus {
	batches := counterVec(r, "relay_batches_total", "Attempts to publish a batch of the outbox.", "result")
	orders := counterVec(r, "relay_orders_total", "Orders that were published.")
	starts := counterVec(r, "saga_starts_total", "Attempts to start a saga for a record of the consumer group.", "result")
	dead := counterVec(r, "dead_letters_total", "Records that were put among the dead letters.")
	publishing := timers(r, "relay_publish_duration_seconds", "Time until Kafka has acknowledged a batch.", requestBounds)
	starting := timers(r, "saga_start_duration_seconds", "Time until Temporal has started a saga.", requestBounds)
	return &Bus{
		published: batches.WithLabelValues("published"), unpublished: batches.WithLabelValues("failed"), orders: orders.WithLabelValues(),
		started: starts.WithLabelValues("started"), again: starts.WithLabelValues("retried"), never: starts.WithLabelValues("refused"),
		dead: dead.WithLabelValues(), publishing: publishing.with(), starting: starting.with(),
	}
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
