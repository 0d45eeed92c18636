package bus

import "time"

// Meter is told what becomes of orders on their way through Kafka. It must not
// block.
type Meter interface {
	// Published is told of every attempt of the relay to publish a batch.
	Published(orders int, took time.Duration, err error)
	// SagaStarted is told of every attempt of the consumer to start a saga.
	SagaStarted(took time.Duration, err error)
	// DeadLettered is told of every record that nothing can be done about.
	DeadLettered()
}

// unmetered stands in for a Meter that nobody gave.
type unmetered struct{}

func (unmetered) Published(int, time.Duration, error) {}
func (unmetered) SagaStarted(time.Duration, error)    {}
func (unmetered) DeadLettered()                       {}
