package bus

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"order-service/order"
)

// BenchmarkRelay publishes 12,800 orders a second, as 100 commits of 128 each:
// what a sale's intake offers. One operation is one order; its CPU is that of
// this process, and of kgo within it, from the offer to the deleted row.
func BenchmarkRelay(b *testing.B) {
	const commit, pause = 128, 10 * time.Millisecond
	meter, rows := new(counted), newOutbox()
	bus := newBus(b, func(cfg *Config) { cfg.Meter = meter })
	relay := startRelay(b, bus, rows, RelayConfig{})
	relay.Offer(rows.commit(newOrders(1), time.Minute)) // connections are made
	eventually(b, "the relay runs", rows.empty)
	var batches []order.OutboxBatch
	for n := 0; n < b.N; n += commit {
		batches = append(batches, rows.commit(newOrders(min(commit, b.N-n)), time.Hour))
	}
	meter.reset()
	before := cpu(b)
	b.ReportAllocs()
	b.ResetTimer()
	clock := time.NewTicker(pause)
	defer clock.Stop()
	for _, batch := range batches {
		<-clock.C
		relay.Offer(batch)
	}
	eventually(b, "every row is deleted", rows.empty)
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(meter.requests.Load())/float64(b.N)*1000, "requests/1000op")
	b.ReportMetric(float64(meter.records.Load())/float64(meter.batches.Load()), "records/batch")
	b.ReportMetric(float64(meter.bytes.Load())/float64(b.N), "wire-B/op")
}

// cpu is what this process has used so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// counted counts what brokers are given to do.
type counted struct {
	unmetered
	requests, bytes, batches, records atomic.Int64
}

func (c *counted) ProduceRequest(bytes int) { c.requests.Add(1); c.bytes.Add(int64(bytes)) }
func (c *counted) ProduceBatch(records int) { c.batches.Add(1); c.records.Add(int64(records)) }

func (c *counted) reset() {
	c.requests.Store(0)
	c.bytes.Store(0)
	c.batches.Store(0)
	c.records.Store(0)
}
