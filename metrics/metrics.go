package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins the name of every metric but those of the Go runtime, the
// process and the Temporal SDK, which have names of their own.
const namespace = "order_service"

// Metrics is one process's registry with its instruments.
type Metrics struct {
	HTTP    *HTTP
	Intake  *Intake
	Orders  *Orders
	Bus     *Bus
	Steps   *Steps
	SDK     *SDK
	Batches *Batches
	Repairs *Repairs

	registry *prometheus.Registry
}

// New returns the instruments of a process of this version. What other parts
// count by themselves is added by the Watch methods.
func New(version string) *Metrics {
	r := prometheus.NewRegistry()
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, labelled with the version.",
	}, []string{"version"})
	info.WithLabelValues(version).Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	batches := newBatches(r)
	return &Metrics{
		HTTP: newHTTP(r), Intake: newIntake(r, batches), Orders: newOrders(r, batches),
		Bus: newBus(r), Steps: newSteps(r), SDK: newSDK(r), Batches: batches,
		Repairs:  newRepairs(r),
		registry: r,
	}
}

// Handler answers a scrape. Scrapers that come faster than they are served are
// refused, because some figures cost a query.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 3,
		EnableOpenMetrics: true, // the format that has exemplars
	})
}

// counterVec registers a family of counters.
func counterVec(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(vec)
	return vec
}
