package metrics

import "github.com/prometheus/client_golang/prometheus"

// Repairs counts what was found left behind and driven on. In a healthy system
// it stands still.
type Repairs struct{ orders, payments, refunds prometheus.Counter }

func newRepairs(r prometheus.Registerer) *Repairs {
	repaired := counterVec(r, "repaired_total",
		"What the upkeep found left behind and drove on: order, begun again because no workflow ran for it; payment, told to its order again; refund, started.", "what")
	return &Repairs{
		orders: repaired.WithLabelValues("order"), payments: repaired.WithLabelValues("payment"),
		refunds: repaired.WithLabelValues("refund"),
	}
}

// OrderRestarted counts an order that no workflow drove.
func (r *Repairs) OrderRestarted() { r.orders.Inc() }

// PaymentToldAgain counts a payment that its order was told of once more.
func (r *Repairs) PaymentToldAgain() { r.payments.Inc() }

// RefundStarted counts a payment that nobody was giving back.
func (r *Repairs) RefundStarted() { r.refunds.Inc() }
