package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"order-service/order"
)

// Batches measures how well concurrent work shares round trips.
type Batches struct {
	sizes *prometheus.HistogramVec
	gate  prometheus.Observer
	trips timer
}

func newBatches(r prometheus.Registerer) *Batches {
	shared := histogramVec(r, "batch_size", "Requests that shared a commit, a transaction or a round trip.",
		[]float64{1, 2, 4, 8, 16, 32, 64, 128, 192, 256}, []string{"batcher"})
	trips := newTimers(r, "gate_round_trip_seconds", "Time of a round trip to Redis for the gate.", intakeBounds)
	return &Batches{sizes: shared, gate: shared.WithLabelValues("gate"), trips: trips.with()}
}

// Gate reports a round trip of the gate.
func (b *Batches) Gate(calls int, took time.Duration) {
	b.gate.Observe(float64(calls))
	b.trips.observe(took)
}

// Orders counts what happens to orders and payments once it is committed.
type Orders struct {
	moved    map[order.Status]prometheus.Counter       // read-only
	payments map[order.PaymentState]prometheus.Counter // read-only
	batches  prometheus.Observer
	took     timer
}

func newOrders(r prometheus.Registerer, b *Batches) *Orders {
	moves := counterVec(r, "order_moves_total", "Changes of an order's status.", "to")
	payments := counterVec(r, "payment_moves_total", "Payments recorded and changed, by the state they came to.", "to")
	took := newTimers(r, "move_duration_seconds", "Time of a transaction that moves a group of orders.", requestBounds)
	o := &Orders{
		moved: map[order.Status]prometheus.Counter{}, payments: map[order.PaymentState]prometheus.Counter{},
		batches: b.sizes.WithLabelValues("moves"), took: took.with(),
	}
	for _, status := range order.Statuses() {
		if status != order.Pending { // nothing moves there
			o.moved[status] = moves.WithLabelValues(string(status))
		}
	}
	for _, state := range []order.PaymentState{
		order.PaymentReceived, order.PaymentApplied, order.PaymentRefused,
		order.PaymentMismatch, order.PaymentRefunding, order.PaymentRefunded,
	} {
		o.payments[state] = payments.WithLabelValues(string(state))
	}
	return o
}

// OrderMoved counts a change of status.
func (o *Orders) OrderMoved(to order.Status) {
	if counter, ok := o.moved[to]; ok {
		counter.Inc()
	}
}

// PaymentMoved counts a payment that was recorded or changed.
func (o *Orders) PaymentMoved(to order.PaymentState) {
	if counter, ok := o.payments[to]; ok {
		counter.Inc()
	}
}

// MoveBatch reports a transaction of moves.
func (o *Orders) MoveBatch(moves int, took time.Duration) {
	o.batches.Observe(float64(moves))
	o.took.observe(took)
}
