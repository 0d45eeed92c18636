package e2e

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/rs/zerolog"

	"order-service/devstack/kafka"
	"order-service/devstack/kafka/apache"
)

// broker is a Kafka of a test's own, to be stopped and started again. It is of
// the kind that the suite runs on, and keeps its address and its data.
type broker struct {
	t       *testing.T
	address string
	run     func() (stop func() error, err error)
	end     func() error // nil while the broker is stopped
}

// newBroker starts a broker that runs until the test's shops are closed.
func newBroker(t *testing.T) *broker {
	t.Helper()
	port := freePort(t)
	if os.Getenv("KAFKA_KIND") == "apache" {
		return startBroker(t, port, runApache(t, apacheConfig(t, port)))
	}
	return startBroker(t, port, runKfake(kafka.Config{Port: port, Dir: t.TempDir()}))
}

func startBroker(t *testing.T, port int, run func() (func() error, error)) *broker {
	t.Helper()
	b := &broker{t: t, address: loopback(port), run: run}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func runKfake(cfg kafka.Config) func() (func() error, error) {
	return func() (func() error, error) {
		b, err := kafka.Start(cfg)
		if err != nil {
			return nil, err
		}
		return b.Stop, nil
	}
}

func apacheConfig(t *testing.T, port int) apache.Config {
	controller := freePort(t)
	return apache.Config{
		Port:       func() (int, error) { return port, nil },
		Controller: func() (int, error) { return controller, nil },
		Dir:        t.TempDir(), Log: zerolog.New(zerolog.NewTestWriter(t)),
	}
}

func runApache(t *testing.T, cfg apache.Config) func() (func() error, error) {
	return func() (func() error, error) {
		b, err := apache.Start(t.Context(), cfg)
		if err != nil {
			return nil, err
		}
		return b.Stop, nil
	}
}

func (b *broker) start() {
	b.t.Helper()
	var err error
	if b.end, err = b.run(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) stop() {
	b.t.Helper()
	if b.end == nil {
		return
	}
	if err := b.end(); err != nil {
		b.t.Error(err)
	}
	b.end = nil
}
