package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Streams is what the hub of event streams counts.
type Streams struct {
	Streams int64
	Sent    uint64
	Dropped uint64
}

// PostgresPool is what the pools of connections to Postgres count.
type PostgresPool struct {
	Open, InUse, Max int64
	Waits            int64
	Waited           time.Duration
}

// RedisPool is what the pools of connections to Redis count.
type RedisPool struct {
	Open, Idle int64
	Timeouts   int64
}

// TailLag is how far a tail is behind.
type TailLag struct {
	Events int64
	Since  time.Duration // that it has not caught up with what was there
}

// WatchStreams exports what read returns at each scrape.
func (m *Metrics) WatchStreams(read func() Streams) {
	m.gauge("sse_streams", "Event streams that are open.", func() float64 { return float64(read().Streams) })
	m.count("sse_events_total", "Events queued for event streams.", func() float64 { return float64(read().Sent) })
	m.count("sse_dropped_total", "Event streams cut off because their client was too slow.", func() float64 { return float64(read().Dropped) })
}

// WatchPostgres exports what read returns at each scrape.
func (m *Metrics) WatchPostgres(read func() PostgresPool) {
	m.gauge("postgres_connections", "Connections in the pools.", func() float64 { return float64(read().Open) })
	m.gauge("postgres_connections_in_use", "Connections in use.", func() float64 { return float64(read().InUse) })
	m.gauge("postgres_connections_max", "Connections that the pools may have.", func() float64 { return float64(read().Max) })
	m.count("postgres_waits_total", "Acquisitions that found no free connection.", func() float64 { return float64(read().Waits) })
	m.count("postgres_waited_seconds_total", "Time for which acquisitions waited for a free connection.", func() float64 { return read().Waited.Seconds() })
}

// WatchRedis exports what read returns at each scrape.
func (m *Metrics) WatchRedis(read func() RedisPool) {
	m.gauge("redis_connections", "Connections in the pools.", func() float64 { return float64(read().Open) })
	m.gauge("redis_connections_idle", "Connections in the pools that are free.", func() float64 { return float64(read().Idle) })
	m.count("redis_timeouts_total", "Waits for a free connection that were given up.", func() float64 { return float64(read().Timeouts) })
}

// WatchKafka exports what the producer has taken and Kafka has not acknowledged.
func (m *Metrics) WatchKafka(buffered func() (records, bytes int64)) {
	m.gauge("kafka_buffered_records", "Records that wait in the producer for Kafka's acknowledgement.", func() float64 {
		records, _ := buffered()
		return float64(records)
	})
	m.gauge("kafka_buffered_bytes", "Bytes of the records that wait in the producer for Kafka's acknowledgement.", func() float64 {
		_, bytes := buffered()
		return float64(bytes)
	})
}

func (m *Metrics) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, read))
}

func (m *Metrics) count(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, read))
}
