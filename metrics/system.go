package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"order-service/order"
)

// systemTimeout bounds what a scrape waits for the backends. Prometheus
// gives up after 10 s by default.
const systemTimeout = 3 * time.Second

// System is where the figures of the whole system come from.
type System struct {
	Leading  func() bool // whether this process is the one that exports them
	Overview func(context.Context) (order.Overview, error)
	Lag      func(context.Context) (int64, error)
	Gate     func(context.Context) (int, error) // products that differ in gate and ledger
}

// WatchSystem exports the figures of the whole system while this process
// leads: whoever reads them takes the maximum over all processes and need not
// know which one that is. Those that cannot be read are left out, and
// system_readable says so.
func (m *Metrics) WatchSystem(from System) {
	m.registry.MustRegister(&system{
		System:    from,
		leader:    systemDesc("upkeep_leader", "1 in the process that keeps the gate equal to the ledger, and exports the figures of the system."),
		readable:  systemDesc("system_readable", "1 when the figures of the system could be read.", "backend"),
		orders:    systemDesc("orders", "Orders placed within the last hour, at most the newest 250000, by what they are now.", "status"),
		pending:   systemDesc("oldest_pending_seconds", "Age of the oldest PENDING order; 0 without one."),
		reserved:  systemDesc("oldest_reserved_seconds", "How long the oldest INVENTORY_RESERVED order has had its units and no payment link; 0 without one."),
		outbox:    systemDesc("outbox_rows", "Commits of orders that are not published yet."),
		outboxAge: systemDesc("outbox_oldest_seconds", "Age of the oldest commit of orders that is not published yet; 0 without one."),
		lag:       systemDesc("consumer_lag", "Records that the consumer group has not committed yet."),
		awaited:   systemDesc("payments_awaited", "Orders that wait for their payment."),
		payments:  systemDesc("payments_unsettled", "Payments that are not applied, declined or refunded; MISMATCH of the last day.", "state"),
		received:  systemDesc("payment_received_seconds", "How long the oldest payment has waited to be applied or refunded; 0 without one."),
		overdue:   systemDesc("payment_overdue_seconds", "How long ago the oldest order that still waits for its payment should have given up; 0 without one."),
		gate:      systemDesc("gate_differing_products", "Products whose stock in the gate is not the ledger's, and does not move."),
		refunding: systemDesc("refunding_seconds", "How long the oldest refund has been under way; 0 without one."),
	})
}

func systemDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// system is the collector of a System.
type system struct {
	System
	leader, readable, orders, pending, outbox, outboxAge, lag, awaited, payments, refunding *prometheus.Desc
	reserved, received, overdue, gate                                                       *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s *system) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		s.leader, s.readable, s.orders, s.pending, s.outbox, s.outboxAge, s.lag, s.awaited, s.payments, s.refunding,
		s.reserved, s.received, s.overdue, s.gate,
	} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (s *system) Collect(metrics chan<- prometheus.Metric) {
	out := gauges(metrics)
	if !s.Leading() {
		out.set(s.leader, 0)
		return
	}
	out.set(s.leader, 1)
	ctx, cancel := context.WithTimeout(context.Background(), systemTimeout)
	defer cancel()
	var reading sync.WaitGroup
	reading.Go(func() { s.collectOverview(ctx, out) })
	reading.Go(func() { s.collectLag(ctx, out) })
	reading.Go(func() { s.collectGate(ctx, out) })
	reading.Wait()
}

func (s *system) collectOverview(ctx context.Context, out gauges) {
	v, err := s.Overview(ctx)
	out.readable(s.readable, "postgres", err)
	if err != nil {
		return
	}
	for status, n := range v.ByStatus {
		out.set(s.orders, float64(n), string(status))
	}
	for state, n := range v.Payments {
		out.set(s.payments, float64(n), string(state))
	}
	out.set(s.pending, v.OldestPending.Seconds())
	out.set(s.reserved, v.ReservedFor.Seconds())
	out.set(s.outbox, float64(v.OutboxRows))
	out.set(s.outboxAge, v.OutboxAge.Seconds())
	out.set(s.awaited, float64(v.Awaited))
	out.set(s.refunding, v.RefundingFor.Seconds())
	out.set(s.received, v.ReceivedFor.Seconds())
	out.set(s.overdue, v.OverdueFor.Seconds())
}

func (s *system) collectLag(ctx context.Context, out gauges) {
	lag, err := s.Lag(ctx)
	out.readable(s.readable, "kafka", err)
	if err == nil {
		out.set(s.lag, float64(lag))
	}
}

func (s *system) collectGate(ctx context.Context, out gauges) {
	differing, err := s.Gate(ctx)
	out.readable(s.readable, "redis", err)
	if err == nil {
		out.set(s.gate, float64(differing))
	}
}

// gauges is where a scrape's gauges go.
type gauges chan<- prometheus.Metric

func (g gauges) set(desc *prometheus.Desc, v float64, labels ...string) {
	g <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
}

func (g gauges) readable(desc *prometheus.Desc, backend string, err error) {
	if err != nil {
		g.set(desc, 0, backend)
		return
	}
	g.set(desc, 1, backend)
}
