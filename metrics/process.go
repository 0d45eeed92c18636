package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// asked is a collector of gauges that have to be asked for at the scrape.
// Those that have no answer are left out.
type asked struct {
	descs []*prometheus.Desc
	ask   func(context.Context, gauges)
}

// Describe implements prometheus.Collector.
func (a asked) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range a.descs {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (a asked) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), systemTimeout)
	defer cancel()
	a.ask(ctx, metrics)
}

// WatchChecks exports what /readyz says: by the name of a backend or part,
// whether this process has it.
func (m *Metrics) WatchChecks(check func(context.Context) map[string]bool) {
	desc := systemDesc("check", "1 while this process reaches a backend, or has a part of its own at work, as /readyz says.", "check")
	m.registry.MustRegister(asked{[]*prometheus.Desc{desc}, func(ctx context.Context, out gauges) {
		for name, ok := range check(ctx) {
			out.set(desc, map[bool]float64{true: 1}[ok], name)
		}
	}})
}

// WatchTail exports how far this process's tail is from the end of the topic.
func (m *Metrics) WatchTail(behind func(context.Context) (TailLag, error)) {
	events := systemDesc("tail_behind_events", "Events that this process's tail has not read yet.")
	seconds := systemDesc("tail_behind_seconds", "How long this process's tail has not reached what was the end at an earlier scrape; 0 while it keeps up.")
	m.registry.MustRegister(asked{[]*prometheus.Desc{events, seconds}, func(ctx context.Context, out gauges) {
		if lag, err := behind(ctx); err == nil {
			out.set(events, float64(lag.Events))
			out.set(seconds, lag.Since.Seconds())
		}
	}})
}
