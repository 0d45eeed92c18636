package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Steps measures the activities of the saga.
type Steps struct {
	results *prometheus.CounterVec
	took    timers
}

func newSteps(r prometheus.Registerer) *Steps {
	return &Steps{
		results: counterVec(r, "saga_steps_total", "Attempts at a step of the saga: done, refused, retried or failed.", "activity", "result"),
		took:    newTimers(r, "saga_step_duration_seconds", "Time of an attempt at a step.", requestBounds, "activity"),
	}
}

// Ran reports an attempt.
func (s *Steps) Ran(activity, result string, took time.Duration) {
	s.results.WithLabelValues(activity, result).Inc()
	s.took.with(activity).observe(took)
}
