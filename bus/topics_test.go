package bus

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
)

func TestATopicThatOneBrokerCanTakeWithItIsWarnedOf(t *testing.T) {
	one, two := "1", "2"
	for name, c := range map[string]struct {
		replicas  int32
		minInSync *string
		want      string
	}{
		"one replica":                          {1, &one, "replicate it"},
		"one acknowledgement":                  {3, &one, "min.insync.replicas to 2"},
		"two acknowledgements":                 {3, &two, ""},
		"a broker that does not tell settings": {3, nil, ""},
	} {
		var log strings.Builder
		b := &Bus{log: zerolog.New(&log)}
		topic := kadm.TopicDetail{Topic: "t", Partitions: kadm.PartitionDetails{0: {Replicas: make([]int32, c.replicas)}}}
		b.checkTopic(topic, kadm.ResourceConfigs{{Name: "t", Configs: []kadm.Config{{Key: "min.insync.replicas", Value: c.minInSync}}}})
		if got := log.String(); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: logged %q, want %q in it", name, got, c.want)
		}
	}
}

// The brokers of the tests are on this machine, where nobody is warned: 0.0.0.0
// leads there, and does not say so.
func TestTheStartWarnsOfTopicsThatOneBrokerCanTakeWithIt(t *testing.T) {
	t.Parallel()
	for name, host := range map[string]string{"a broker elsewhere": "0.0.0.0", "on this machine": "127.0.0.1"} {
		var log lines
		b := openBus(t, testConfig(t), func(c *Config) {
			c.Log = zerolog.New(&log)
			_, port, _ := net.SplitHostPort(c.Brokers[0])
			c.Brokers = []string{net.JoinHostPort(host, port)}
		})
		for range 2 { // topics that it creates, and topics that are there
			log.reset()
			if err := b.EnsureTopics(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, topic := range b.topics() {
				if warned := log.has(topic, "replicate it"); warned != !b.local() {
					t.Errorf("%s: warned of %s: %t", name, topic, warned)
				}
			}
		}
		configs, err := b.admin.DescribeTopicConfigs(t.Context(), b.topics()...)
		if n := setting(configs, b.cfg.Topics.Created, "min.insync.replicas"); err != nil || n != 1 {
			t.Errorf("%s: %d acknowledgements are read, %v", name, n, err)
		}
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

// has reports whether one line has all of what.
func (l *lines) has(what ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(what, func(s string) bool { return !strings.Contains(line, s) }) {
			return true
		}
	}
	return false
}

func TestTopicsThatAreCreatedNeedTwoAcknowledgements(t *testing.T) {
	b := openBus(t, testConfig(t), func(c *Config) { c.ReplicationFactor = 3 })
	if got := b.topicConfig()["min.insync.replicas"]; got == nil || *got != "2" {
		t.Errorf("of three replicas %v must have a record", got)
	}
	b.cfg.ReplicationFactor = 2 // with two of two, one that is away would stop the sale
	if got := b.topicConfig(); got != nil {
		t.Errorf("two replicas are created with %v", got)
	}
}

func TestOnlyBrokersOfThisMachineMayBeAlone(t *testing.T) {
	for broker, want := range map[string]bool{"127.0.0.1:9092": true, "localhost:9092": true, "[::1]:9092": true, "kafka:9092": false, "10.0.0.7:9092": false} {
		b := &Bus{cfg: Config{Brokers: []string{broker}}}
		if got := b.local(); got != want {
			t.Errorf("%s is local: %v", broker, got)
		}
	}
}
