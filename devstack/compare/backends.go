package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/devstack/measure"
)

// backends are the servers that all contenders share, as far as they are
// watched. What is written to them is in a schema and in topics of this run,
// which are removed at its end.
type backends struct {
	postgres *pgx.Conn
	redis    *redis.Client
	kafka    *kadm.Client
	schema   string
	database string // URL, with the schema
	pids     map[string]int
}

// Processes that an order costs time, next to the contender's own.
const (
	atPostgres = "postgres"
	atRedis    = "redis"
	atKafka    = "kafka"
)

func openBackends(ctx context.Context, run string) (*backends, error) {
	b := &backends{schema: "compare_" + run, pids: map[string]int{}}
	for _, open := range []func(context.Context) error{b.openPostgres, b.openRedis, b.openKafka} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, b.close(ctx))
		}
	}
	return b, nil
}

func (b *backends) openPostgres(ctx context.Context) (err error) {
	if b.database, err = measure.DatabaseURL(b.schema); err != nil {
		return err
	}
	if b.postgres, err = pgx.Connect(ctx, b.database); err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	if s, ok := measure.ReadStat(int(b.postgres.PgConn().PID())); ok {
		b.pids[atPostgres] = s.Parent
	}
	_, err = b.postgres.Exec(ctx, `CREATE SCHEMA `+b.schema)
	return err
}

func (b *backends) openRedis(ctx context.Context) error {
	opts, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	b.redis = redis.NewClient(opts)
	info, err := b.info(ctx, "server")
	if err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	if pid, err := strconv.Atoi(info["process_id"]); err == nil {
		b.pids[atRedis] = pid
	}
	return nil
}

func (b *backends) openKafka(context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(os.Getenv("KAFKA_BOOTSTRAP"), ",")...))
	if err != nil {
		return fmt.Errorf("KAFKA_BOOTSTRAP: %w", err)
	}
	b.kafka = kadm.NewClient(client)
	if pid, found := kafkaProcess(); found {
		b.pids[atKafka] = pid
	}
	return nil
}

// kafkaProcess finds the Kafka of the devstack that this process runs under: a
// child of it, or devstack itself, which embeds Temporal as well.
func kafkaProcess() (pid int, found bool) {
	if os.Getenv("KAFKA_KIND") == "" {
		return 0, false
	}
	all := measure.Processes()
	stack, found := measure.Ancestor(all, os.Getpid(), "devstack")
	if !found {
		return 0, false
	}
	for pid, s := range all {
		if s.Parent == stack && s.Command == "java" {
			return pid, true
		}
	}
	return stack, true
}

// close removes what the run has written, and disconnects.
func (b *backends) close(ctx context.Context) error {
	var problems []error
	if b.postgres != nil {
		_, err := b.postgres.Exec(ctx, `DROP SCHEMA IF EXISTS `+b.schema+` CASCADE`)
		problems = append(problems, err, b.postgres.Close(ctx))
	}
	if b.redis != nil {
		problems = append(problems, b.redis.Close())
	}
	if b.kafka != nil {
		b.kafka.Close()
	}
	return errors.Join(problems...)
}

// drained returns once the outbox is empty, and fails after a minute.
func (b *backends) drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		left, err := b.count(ctx, `SELECT count(*) FROM outbox`)
		if err != nil {
			return fmt.Errorf("the outbox: %w", err)
		}
		if left == 0 {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (b *backends) count(ctx context.Context, sql string, args ...any) (n int64, err error) {
	err = b.postgres.QueryRow(ctx, sql, args...).Scan(&n)
	return n, err
}

// records is how many a topic was given.
func (b *backends) records(ctx context.Context, topic string) (n int64, err error) {
	ends, err := b.kafka.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n, err
}

// unsell removes products and what the gate keeps of them, above all holds:
// without a worker nothing settles those, and no sale has as many at once.
func (b *backends) unsell(ctx context.Context, products []string) error {
	if _, err := b.postgres.Exec(ctx, `DELETE FROM products WHERE product_id = ANY($1)`, products); err != nil {
		return err
	}
	for _, product := range products {
		keys, err := b.redis.Keys(ctx, "*{"+product+"}*").Result()
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := b.redis.Unlink(ctx, keys...).Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// info reads a section of what Redis says of itself.
func (b *backends) info(ctx context.Context, section string) (map[string]string, error) {
	text, err := b.redis.Info(ctx, section).Result()
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if name, value, found := strings.Cut(lines.Text(), ":"); found {
			fields[name] = value
		}
	}
	return fields, nil
}

// forget deletes the topics of the run, which begin with prefix.
func (b *backends) forget(ctx context.Context, prefix string) error {
	topics, err := b.kafka.ListTopics(ctx)
	if err != nil {
		return err
	}
	for _, topic := range topics.Names() {
		if strings.HasPrefix(topic, prefix) {
			if _, err := b.kafka.DeleteTopic(ctx, topic); err != nil {
				return err
			}
		}
	}
	return nil
}
