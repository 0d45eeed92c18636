package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"order-service/order"
)

// progressBounds reach from a reservation to a buyer who used the whole of
// PAYMENT_TIMEOUT.
var progressBounds = []time.Duration{
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 16 * time.Minute, 30 * time.Minute, time.Hour,
}

// Bus measures the way of orders through Kafka.
type Bus struct {
	published, unpublished, orders prometheus.Counter
	publishing, starting           timer
	started, again, never          prometheus.Counter
	dead                           prometheus.Counter
	told                           map[order.Status]timer // read-only
	tailed                         timer
	client                         kafkaClient
}

func newBus(r prometheus.Registerer) *Bus {
	batches := counterVec(r, "relay_batches_total", "Attempts to publish a batch of the outbox.", "result")
	starts := counterVec(r, "saga_starts_total", "Attempts to start a saga for a record of the consumer group.", "result")
	publishing := newTimers(r, "relay_publish_duration_seconds", "Time until Kafka has acknowledged a batch.", requestBounds)
	starting := newTimers(r, "saga_start_duration_seconds", "Time until Temporal has started a saga.", requestBounds)
	telling := newTimers(r, "order_progress_seconds",
		"Time from an order's POST until Kafka has acknowledged that it came to a status.", progressBounds, "status")
	tailing := newTimers(r, "tail_delay_seconds", "Time from an order's change until the tail has handed it to this process's streams.", requestBounds)
	b := &Bus{
		published: batches.WithLabelValues("published"), unpublished: batches.WithLabelValues("failed"),
		orders:  counter(r, "relay_orders_total", "Orders that were published."),
		started: starts.WithLabelValues("started"), again: starts.WithLabelValues("retried"), never: starts.WithLabelValues("refused"),
		dead:       counter(r, "dead_letters_total", "Records that were put among the dead letters."),
		publishing: publishing.with(), starting: starting.with(),
		told: map[order.Status]timer{}, tailed: tailing.with(), client: newKafkaClient(r),
	}
	for _, status := range order.Statuses() {
		b.told[status] = telling.with(string(status))
	}
	return b
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
	b.publishing.observe(took)
}

// SagaStarted reports an attempt of the consumer.
func (b *Bus) SagaStarted(took time.Duration, err error) {
	switch {
	case err == nil:
		b.started.Inc()
		b.starting.observe(took)
	case order.Permanent(err):
		b.never.Inc()
	default:
		b.again.Inc()
	}
}

// DeadLettered counts a dead letter.
func (b *Bus) DeadLettered() { b.dead.Inc() }

// Told reports a change of status, acknowledged so long after the order was placed.
func (b *Bus) Told(to order.Status, since time.Duration) {
	if took, known := b.told[to]; known {
		took.observe(since)
	}
}

// Tailed reports an event that was handed on so long after it happened. Clocks
// may differ a little.
func (b *Bus) Tailed(since time.Duration) { b.tailed.observe(max(0, since)) }
