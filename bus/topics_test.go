package bus

import (
	"strings"
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
