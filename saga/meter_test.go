package saga

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/order"
)

// tally is a meter that remembers, and the listener to the steps.
type tally struct {
	mu      sync.Mutex
	steps   map[string]int
	metrics map[string]map[string]string // the labels last seen by name
}

func newTally() *tally {
	return &tally{steps: map[string]int{}, metrics: map[string]map[string]string{}}
}

func (m *tally) step(activity, result string, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps[activity+" "+result]++
}

func (m *tally) note(name string, labels map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.metrics[name] = maps.Clone(labels)
}

func (m *tally) Counter(name string, labels map[string]string) func(int64) {
	return func(int64) { m.note(name, labels) }
}

func (m *tally) Gauge(name string, labels map[string]string) func(float64) {
	return func(float64) { m.note(name, labels) }
}

func (m *tally) Timer(name string, labels map[string]string) func(time.Duration) {
	return func(time.Duration) { m.note(name, labels) }
}

func TestServerReportsStepsAndWhatTheSDKMeasures(t *testing.T) {
	t.Parallel()
	m, s := newTally(), newShop(1)
	c, err := Dial(Config{
		Address: temporalAddress(t), Namespace: "default", TaskQueue: "test-" + uuid.NewString(),
		PaymentTimeout: 10 * time.Millisecond, Meter: m, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.timeout = patience // a busy server answers late
	deps := s.deps()
	deps.Step = m.step
	st := &stand{t: t, shop: s, client: c, worker: NewWorker(c, WorkerConfig{}, deps)}
	t.Cleanup(st.worker.Stop)
	st.worker.Start()
	id := s.accept()
	st.start(id)
	st.ends(id, order.Failed) // nobody pays

	m.mu.Lock()
	defer m.mu.Unlock()
	for _, step := range []string{"ReadOrder done", "TryPayment done", "RequestPayment done", "Finish done"} {
		if m.steps[step] == 0 {
			t.Errorf("%s is not among %v", step, m.steps)
		}
	}
	if labels := m.metrics["temporal_request"]; labels["operation"] == "" {
		t.Errorf("temporal_request has labels %v; the metrics are %v", labels, slices.Sorted(maps.Keys(m.metrics)))
	}
}

func TestResultOfAStepIsOneOfFour(t *testing.T) {
	for want, attempts := range map[string][]struct {
		result any
		err    error
	}{
		stepDone:    {{result: moved{Seq: 2}}, {result: true}, {result: nil}, {result: initiated{PaymentID: "p"}}},
		stepRefused: {{result: moved{Refusal: order.CodeSoldOut}}, {result: initiated{Unavailable: true}}},
		stepRetried: {{err: errors.New("cut off")}, {err: retryable(order.Errorf(order.CodeUnavailable, "Away."))}},
		stepFailed:  {{err: retryable(order.Errorf(order.CodeOrderNotFound, "None."))}, {err: fmt.Errorf("step: %w", retryable(order.Errorf(order.CodeValidation, "Bad.")))}},
	} {
		for _, a := range attempts {
			if got := stepResult(a.result, a.err); got != want {
				t.Errorf("%v, %v is %s, want %s", a.result, a.err, got, want)
			}
		}
	}
}
