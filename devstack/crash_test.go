package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.temporal.io/sdk/client"
)

// The test binary plays three parts: the tests, devstack itself, and the
// command that devstack runs.
const part = "DEVSTACK_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(part) {
	case "":
		os.Exit(m.Run())
	case "devstack":
		main()
	default:
		if err := use(os.Getenv(part)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// use is the command: it writes to every backend and kills devstack, or reads
// what an earlier one wrote.
func use(what string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	opts, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	cache := redis.NewClient(opts)
	defer cache.Close()
	log, err := kgo.NewClient(kgo.SeedBrokers(os.Getenv("KAFKA_BOOTSTRAP")), kgo.ConsumeTopics("kept"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer log.Close()
	flow, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS")})
	if err != nil {
		return err
	}
	defer flow.Close()
	b := backends{db, cache, log, flow}
	if what == "read" {
		return b.read(ctx)
	}
	if err := b.write(ctx); err != nil {
		return err
	}
	return errors.Join(syscall.Kill(os.Getppid(), syscall.SIGKILL), wait())
}

type backends struct {
	db    *pgx.Conn
	cache *redis.Client
	log   *kgo.Client
	flow  client.Client
}

func addresses() string {
	return strings.Join([]string{os.Getenv("DATABASE_URL"), os.Getenv("REDIS_URL"), os.Getenv("KAFKA_BOOTSTRAP"), os.Getenv("TEMPORAL_ADDRESS")}, " ")
}

func (b backends) write(ctx context.Context) error {
	_, err := b.db.Exec(ctx, `CREATE TABLE kept AS SELECT $1::text AS addresses`, addresses())
	if err != nil {
		return err
	}
	if _, err := kadm.NewClient(b.log).CreateTopic(ctx, 3, 1, nil, "kept"); err != nil {
		return err
	}
	if err := b.log.ProduceSync(ctx, &kgo.Record{Topic: "kept", Value: []byte("kept")}).FirstErr(); err != nil {
		return err
	}
	_, err = b.flow.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "kept", TaskQueue: "none"}, "none")
	return err
}

// read leaves Redis out: it keeps a copy that is rebuilt when lost.
func (b backends) read(ctx context.Context) error {
	var before string
	if err := b.db.QueryRow(ctx, `SELECT addresses FROM kept`).Scan(&before); err != nil {
		return err
	}
	if before != addresses() {
		return fmt.Errorf("the addresses changed from %s to %s", before, addresses())
	}
	if err := b.cache.Ping(ctx).Err(); err != nil {
		return err
	}
	fetched := b.log.PollFetches(ctx)
	if err := fetched.Err(); err != nil || fetched.NumRecords() != 1 {
		return fmt.Errorf("%d records kept in Kafka, %w", fetched.NumRecords(), err)
	}
	_, err := b.flow.DescribeWorkflowExecution(ctx, "kept", "")
	return err
}

// wait returns an error unless this process is told to end soon, as the
// command is when devstack dies.
func wait() error {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	select {
	case <-told:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("the command outlived devstack")
	}
}

func TestDataAndAddressesSurviveKill9(t *testing.T) {
	dir, err := os.MkdirTemp("", "devstack-test-") // not t.TempDir, which only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	kind := cmp.Or(os.Getenv("KAFKA_KIND"), kafkaFake)
	for _, what := range []string{"write", "read"} {
		cmd := exec.Command(os.Args[0], "--data", dir, "--kafka", kind, "--", "env", part+"="+what, os.Args[0])
		for _, pair := range os.Environ() {
			if name, _, _ := strings.Cut(pair, "="); !backendAddress(name) {
				cmd.Env = append(cmd.Env, pair)
			}
		}
		cmd.Env = append(cmd.Env, part+"=devstack")
		out, err := cmd.CombinedOutput()
		if killed := strings.Contains(fmt.Sprint(err), "killed"); killed != (what == "write") || what == "read" && err != nil {
			t.Fatalf("%s: %v\n%s", what, err, out)
		}
	}
}

func backendAddress(name string) bool {
	return name == "DATABASE_URL" || name == "REDIS_URL" || name == "KAFKA_BOOTSTRAP" || name == "TEMPORAL_ADDRESS"
}
