package bus

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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
	// ProduceRequest is told of every produce request sent to a broker, again
	// when it is repeated.
	ProduceRequest(bytes int)
	// ProduceBatch is told of every batch of a partition that a broker has
	// acknowledged: what it had to check, to write and to replicate as one.
	ProduceBatch(records int)
}

// unmetered stands in for a Meter that nobody gave.
type unmetered struct{}

func (unmetered) Published(int, time.Duration, error) {}
func (unmetered) SagaStarted(time.Duration, error)    {}
func (unmetered) DeadLettered()                       {}
func (unmetered) ProduceRequest(int)                  {}
func (unmetered) ProduceBatch(int)                    {}

// produceKey is what Kafka's protocol calls a produce request.
const produceKey = 0

// produceHook reports a client's produce requests as kgo sends them.
type produceHook struct{ meter Meter }

var (
	_ kgo.HookBrokerWrite         = produceHook{}
	_ kgo.HookProduceBatchWritten = produceHook{}
)

// OnBrokerWrite is called for requests of every kind.
func (h produceHook) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, bytes int, _, _ time.Duration, err error) {
	if key == produceKey && err == nil {
		h.meter.ProduceRequest(bytes)
	}
}

// OnProduceBatchWritten is called once a batch is acknowledged.
func (h produceHook) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	h.meter.ProduceBatch(m.NumRecords)
}
