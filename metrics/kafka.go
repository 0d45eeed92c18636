package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// kafkaClient measures the connections to Kafka: the producer's, the
// consumer's and the tail's.
type kafkaClient struct {
	connected, refused                 prometheus.Counter
	took                               map[string]timer              // read-only, by request
	failed                             map[string]prometheus.Counter // read-only, by request
	throttled                          prometheus.Counter
	requests, bytes, batches, produced prometheus.Counter
}

// kafkaRequests are told apart; the rest is other.
var kafkaRequests = []string{"produce", "fetch", "other"}

func newKafkaClient(r prometheus.Registerer) kafkaClient {
	connects := counterVec(r, "kafka_connects_total", "Attempts to connect to a broker.", "result")
	failures := counterVec(r, "kafka_request_errors_total", "Requests to brokers that could not be sent, or had no answer.", "request")
	took := newTimers(r, "kafka_request_duration_seconds",
		"Time from a request to a broker to its answer; a fetch waits up to 500 ms for records.", requestBounds, "request")
	k := kafkaClient{
		connected: connects.WithLabelValues("connected"), refused: connects.WithLabelValues("failed"),
		took: map[string]timer{}, failed: map[string]prometheus.Counter{},
		throttled: counter(r, "kafka_throttled_seconds_total", "Time for which brokers wanted this process to be silent."),
		requests:  counter(r, "kafka_produce_requests_total", "Produce requests sent to Kafka, repetitions among them."),
		bytes:     counter(r, "kafka_produce_bytes_total", "Bytes of produce requests, as they were sent."),
		batches:   counter(r, "kafka_produce_batches_total", "Batches of records for one partition that Kafka has acknowledged."),
		produced:  counter(r, "kafka_produce_records_total", "Records that Kafka has acknowledged."),
	}
	for _, request := range kafkaRequests {
		k.took[request], k.failed[request] = took.with(request), failures.WithLabelValues(request)
	}
	return k
}

// Connected counts an attempt to connect.
func (b *Bus) Connected(err error) {
	if err != nil {
		b.client.refused.Inc()
		return
	}
	b.client.connected.Inc()
}

// Requested reports a request: produce, fetch or other.
func (b *Bus) Requested(request string, took time.Duration, err error) {
	if err != nil {
		b.client.failed[request].Inc()
		return
	}
	b.client.took[request].observe(took)
}

// Throttled adds up for how long brokers wanted this process to be silent.
func (b *Bus) Throttled(d time.Duration) { b.client.throttled.Add(d.Seconds()) }

// ProduceRequest counts a request of the producer.
func (b *Bus) ProduceRequest(bytes int) {
	b.client.requests.Inc()
	b.client.bytes.Add(float64(bytes))
}

// ProduceBatch counts what a broker handled as one.
func (b *Bus) ProduceBatch(records int) {
	b.client.batches.Inc()
	b.client.produced.Add(float64(records))
}
