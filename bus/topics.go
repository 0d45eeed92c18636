package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// minInSync is how many replicas must have a record before it is acknowledged,
// where there are enough: with one, a broker that dies takes with it what the
// service was told is safe.
const minInSync = 2

func (b *Bus) topics() []string {
	t := b.cfg.Topics
	return []string{t.Reservations, t.Created, t.Progress, deadLetters(t.Reservations)}
}

// deadLetters is the topic for records of topic that cannot be processed.
func deadLetters(topic string) string { return topic + ".dlq" }

// EnsureTopics creates the topics that do not exist, and the one for dead
// letters. Existing topics are left as they are, and the log tells of those
// that would lose records with a broker. It tries once; the caller repeats it
// while it fails.
func (b *Bus) EnsureTopics(ctx context.Context) error {
	topics, err := b.listTopics(ctx)
	if err != nil {
		return err
	}
	var missing []string
	for _, topic := range b.topics() {
		if topics[topic].Err != nil {
			missing = append(missing, topic)
		}
	}
	if len(missing) > 0 {
		if err := b.createTopics(ctx, missing); err != nil {
			return err
		}
		if topics, err = b.listTopics(ctx); err != nil {
			return err
		}
	}
	b.checkTopics(ctx, topics)
	return nil
}

func (b *Bus) listTopics(ctx context.Context) (kadm.TopicDetails, error) {
	topics, err := b.admin.ListTopics(ctx, b.topics()...)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	return topics, nil
}

func (b *Bus) createTopics(ctx context.Context, missing []string) error {
	created, err := b.admin.CreateTopics(ctx, partitions, b.cfg.ReplicationFactor, b.topicConfig(), missing...)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	var failed []error
	for _, t := range created.Sorted() {
		if t.Err != nil && !errors.Is(t.Err, kerr.TopicAlreadyExists) { // another replica was faster
			failed = append(failed, fmt.Errorf("create topic %s: %w %s", t.Topic, t.Err, t.ErrMessage))
		}
	}
	return errors.Join(failed...)
}

// topicConfig asks for two acknowledgements where one broker may be away then.
func (b *Bus) topicConfig() map[string]*string {
	if b.cfg.ReplicationFactor <= minInSync {
		return nil
	}
	n := strconv.Itoa(minInSync)
	return map[string]*string{"min.insync.replicas": &n}
}

// checkTopics warns of topics whose records one broker can take with it. On a
// developer's machine there is but one.
func (b *Bus) checkTopics(ctx context.Context, topics kadm.TopicDetails) {
	if b.local() {
		return
	}
	configs, err := b.admin.DescribeTopicConfigs(ctx, b.topics()...)
	if err != nil {
		b.log.Warn().Err(err).Msg("it cannot be seen how many brokers have to acknowledge a record")
	}
	for _, topic := range topics.Sorted() {
		b.checkTopic(topic, configs)
	}
}

func (b *Bus) checkTopic(topic kadm.TopicDetail, configs kadm.ResourceConfigs) {
	replicas := topic.Partitions.NumReplicas()
	log := b.log.Warn().Str("topic", topic.Topic).Int("replicas", replicas)
	if replicas < minInSync {
		log.Msg("the topic is on one broker and lost with it; replicate it")
		return
	}
	if n := setting(configs, topic.Topic, "min.insync.replicas"); n > 0 && n < minInSync {
		log.Msg("a record is acknowledged when one broker has it; set the topic's min.insync.replicas to 2")
	}
}

// setting is a topic's setting, 0 where it is not known.
func setting(configs kadm.ResourceConfigs, topic, key string) int {
	resource, err := configs.On(topic, nil)
	if err != nil {
		return 0
	}
	for _, c := range resource.Configs {
		if c.Key == key {
			n, _ := strconv.Atoi(c.MaybeValue())
			return n
		}
	}
	return 0
}

// local reports whether all brokers are on this machine.
func (b *Bus) local() bool {
	for _, broker := range b.cfg.Brokers {
		host, _, err := net.SplitHostPort(broker)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
