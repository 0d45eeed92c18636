package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"order-service/order"
)

// intakeBounds are close together where the goal is, a p99 below 20 ms.
var intakeBounds = []time.Duration{
	250 * time.Microsecond, 500 * time.Microsecond, 750 * time.Microsecond, time.Millisecond, 1500 * time.Microsecond,
	2 * time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond, 5 * time.Millisecond, 7500 * time.Microsecond,
	10 * time.Millisecond, 12500 * time.Microsecond, 15 * time.Millisecond, 20 * time.Millisecond, 25 * time.Millisecond,
	35 * time.Millisecond, 50 * time.Millisecond, 75 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// refusals are the codes that an order may be refused with. They are exported
// from the beginning, so that the first one shows as a rise.
var refusals = []order.Code{
	order.CodeMalformedJSON, order.CodeUnauthenticated, order.CodeForbidden, order.CodeSoldOut, order.CodePriceChanged,
	order.CodePurchaseLimit, order.CodeTooLarge, order.CodeUnsupportedMediaType, order.CodeValidation,
	order.CodePriceUnavailable, order.CodeSaleClosed, order.CodeIdempotencyMismatch, order.CodeRateLimited,
	order.CodeOverloaded, order.CodeUnavailable, order.CodeOutcomeUnknown, order.CodeInternal,
}

// gateRefusals are those that come from the gate.
var gateRefusals = []order.Code{
	order.CodeSoldOut, order.CodePriceChanged, order.CodePurchaseLimit, order.CodePriceUnavailable,
	order.CodeSaleClosed, order.CodeOverloaded, order.CodeUnavailable,
}

// Intake measures POST /orders and its stages.
type Intake struct {
	gate, queue, commit, total timer
	results, gateResults       byCode
	batches                    prometheus.Observer
}

func newIntake(r prometheus.Registerer, b *Batches) *Intake {
	stages := newTimers(r, "intake_duration_seconds",
		"Time of an order's way to its 202: at the gate, in the queue, in its batch's commit, and in total.", intakeBounds, "stage")
	results := counterVec(r, "intake_results_total", "Requests to place an order, by the code of the refusal, or accepted.", "code")
	gate := counterVec(r, "gate_results_total", "Holds asked of the gate, by the code of the refusal, or held, or seen for a known key.", "code")
	return &Intake{
		gate: stages.with("gate"), queue: stages.with("queue"), commit: stages.with("commit"), total: stages.with("total"),
		results:     newByCode(results, append([]order.Code{accepted}, refusals...)),
		gateResults: newByCode(gate, append([]order.Code{held, seen}, gateRefusals...)),
		batches:     b.sizes.WithLabelValues("intake"),
	}
}

// Labels of what is no refusal.
const (
	accepted order.Code = "accepted"
	held     order.Code = "held"
	seen     order.Code = "seen"
)

// Ordered reports the answer to a request to place an order: "" is accepted.
// The time counts only for those, because a refusal is quick and would hide
// how long buyers wait. A traceID shows in the histogram as an example.
func (i *Intake) Ordered(code order.Code, took time.Duration, traceID string) {
	if code == "" {
		code = accepted
		i.total.trace(took, traceID)
	}
	i.results.inc(code)
}

// Held reports an answer of the gate: "" is a hold, or a key seen before.
func (i *Intake) Held(code order.Code, again bool, took time.Duration) {
	switch {
	case code != "":
	case again:
		code = seen
	default:
		code = held
	}
	i.gate.observe(took)
	i.gateResults.inc(code)
}

// IntakeWaited reports an order's wait for a writer.
func (i *Intake) IntakeWaited(d time.Duration) { i.queue.observe(d) }

// IntakeBatch reports a commit of orders.
func (i *Intake) IntakeBatch(orders int, took time.Duration) {
	i.batches.Observe(float64(orders))
	i.commit.observe(took)
}

// Sample is what the intake has counted since the process began.
type Sample struct {
	Bounds   []time.Duration       // of the buckets of Accepted, ascending
	Accepted []uint64              // orders by how long they took; one more than Bounds
	Refused  map[order.Code]uint64 // requests
}

// Sample reads the counts.
func (i *Intake) Sample() Sample {
	refused := make(map[order.Code]uint64, len(refusals))
	for _, code := range refusals {
		refused[code] = value(i.results.known[code])
	}
	return Sample{Bounds: intakeBounds, Accepted: counts(i.total), Refused: refused}
}

func value(c prometheus.Counter) uint64 {
	return uint64(read(c).GetCounter().GetValue())
}

// counts returns how many observations are in each bucket, the one above the
// last bound included.
func counts(t timer) []uint64 {
	h := read(t.Observer.(prometheus.Histogram)).GetHistogram()
	counts := make([]uint64, 0, len(h.GetBucket())+1)
	var below uint64
	for _, bucket := range h.GetBucket() {
		counts = append(counts, bucket.GetCumulativeCount()-below)
		below = bucket.GetCumulativeCount()
	}
	return append(counts, h.GetSampleCount()-below)
}

// read returns what a scrape reads.
func read(metric prometheus.Metric) *dto.Metric {
	var m dto.Metric
	_ = metric.Write(&m) // what the library itself made cannot fail to be written
	return &m
}

// byCode are counters by code. A code that is not known beforehand costs a
// look-up in the family.
type byCode struct {
	vec   *prometheus.CounterVec
	known map[order.Code]prometheus.Counter // read-only
}

func newByCode(vec *prometheus.CounterVec, codes []order.Code) byCode {
	b := byCode{vec: vec, known: make(map[order.Code]prometheus.Counter, len(codes))}
	for _, code := range codes {
		b.known[code] = vec.WithLabelValues(string(code))
	}
	return b
}

func (b byCode) inc(code order.Code) {
	if counter, ok := b.known[code]; ok {
		counter.Inc()
		return
	}
	b.vec.WithLabelValues(string(code)).Inc()
}
