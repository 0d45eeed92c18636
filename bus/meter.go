package bus

import (
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

// Meter is told what becomes of orders on their way through Kafka. It must not
// block.
type Meter interface {
	// Published is told of every attempt of the relay to publish a batch.
	Published(orders int, took time.Duration, err error)
	// SagaStarted is told of every attempt of the consumer to start a saga.
	SagaStarted(took time.Duration, err error)
	// DeadLettered is told of every record that nothing can be done about.
	DeadLettered()
	// Told is told of every change of an order's status that a broker has
	// acknowledged, and how long after the order was placed that was.
	Told(to order.Status, since time.Duration)
	// Tailed is told of every event that a tail hands on, and how long after
	// the change that was.
	Tailed(since time.Duration)
	ClientMeter
}

// ClientMeter is told what the clients do whose connections a process has:
// the producer, the consumer and the tail.
type ClientMeter interface {
	// Connected is told of every attempt to connect to a broker.
	Connected(err error)
	// Requested is told of every request that was answered, or was not; request
	// is produce, fetch or other. Fetches wait for records.
	Requested(request string, took time.Duration, err error)
	// Throttled is told how long a broker wants a client to be silent.
	Throttled(d time.Duration)
	// ProduceRequest is told of every produce request sent to a broker, again
	// when it is repeated.
	ProduceRequest(bytes int)
	// ProduceBatch is told of every batch of a partition that a broker has
	// acknowledged: what it had to check, to write and to replicate as one.
	ProduceBatch(records int)
}

// unmetered stands in for a Meter that nobody gave.
type unmetered struct{}

func (unmetered) Published(int, time.Duration, error)    {}
func (unmetered) SagaStarted(time.Duration, error)       {}
func (unmetered) DeadLettered()                          {}
func (unmetered) Told(order.Status, time.Duration)       {}
func (unmetered) Tailed(time.Duration)                   {}
func (unmetered) Connected(error)                        {}
func (unmetered) Requested(string, time.Duration, error) {}
func (unmetered) Throttled(time.Duration)                {}
func (unmetered) ProduceRequest(int)                     {}
func (unmetered) ProduceBatch(int)                       {}

// Numbers that Kafka's protocol gives to requests.
const (
	produceKey = 0
	fetchKey   = 1
)

// requestName keeps the names few: what else is asked for is rare.
func requestName(key int16) string {
	switch key {
	case produceKey:
		return "produce"
	case fetchKey:
		return "fetch"
	}
	return "other"
}

// clientHook reports what a client does as kgo does it.
type clientHook struct{ meter ClientMeter }

var (
	_ kgo.HookBrokerConnect       = clientHook{}
	_ kgo.HookBrokerE2E           = clientHook{}
	_ kgo.HookBrokerThrottle      = clientHook{}
	_ kgo.HookBrokerWrite         = clientHook{}
	_ kgo.HookProduceBatchWritten = clientHook{}
)

// OnBrokerConnect is called after every dial.
func (h clientHook) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	h.meter.Connected(err)
}

// OnBrokerE2E is called once a request has its answer, or will have none.
func (h clientHook) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	h.meter.Requested(requestName(key), e2e.DurationE2E(), e2e.Err())
}

// OnBrokerThrottle is called for every answer that asks for a pause.
func (h clientHook) OnBrokerThrottle(_ kgo.BrokerMetadata, d time.Duration, _ bool) {
	h.meter.Throttled(d)
}

// OnBrokerWrite is called for requests of every kind.
func (h clientHook) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, bytes int, _, _ time.Duration, err error) {
	if key == produceKey && err == nil {
		h.meter.ProduceRequest(bytes)
	}
}

// OnProduceBatchWritten is called once a batch is acknowledged.
func (h clientHook) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	h.meter.ProduceBatch(m.NumRecords)
}

// Buffered is what the producer has taken and no broker has acknowledged yet.
func (b *Bus) Buffered() (records, bytes int64) {
	writer := b.writer.Load()
	return writer.BufferedProduceRecords(), writer.BufferedProduceBytes()
}
