package bus

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"order-service/failpoint"
	"order-service/order"
	"order-service/retry"
	"order-service/tracing"
)

// Starter starts the saga of an order. An order.Permanent error sends the
// record to the dead letters, any other is tried again; having started before
// is no error.
type Starter interface {
	Start(ctx context.Context, ev order.ReservationEvent) error
}

// ConsumerConfig bounds a Consumer. Zero values take the defaults.
type ConsumerConfig struct {
	Poll        int           // records taken at once; default 500
	Concurrency int           // sagas started at once; default 64
	Patience    time.Duration // how long a poll is tried before what is left of it is put back; default 15 s
}

// sessionTimeout is how long the group waits for a member that was killed, and
// its orders with it. Heartbeats come every 3 s.
const sessionTimeout = 10 * time.Second

// rebalanceTimeout is how long a rebalance waits for members to come, one that
// was killed on its way among them. It must be more than a poll takes: Patience
// and the commit.
const rebalanceTimeout = 25 * time.Second

// fetchPartition is about how much is taken of a partition at once, in bytes: some
// hundred orders. A poll empties what was fetched of one partition before it turns
// to the next, so with kgo's 1 MiB those whose partition came last were started behind
// nearly all of a line in which they were the first.
const fetchPartition = 16 << 10

// Consumer is this process's membership of the consumer group: it reads
// orders.reservations and starts a saga for each. A record's offset is
// committed only after it and all before it in its partition were started or
// dead-lettered.
type Consumer struct {
	bus     *Bus
	starter Starter
	cfg     ConsumerConfig
	log     zerolog.Logger
	life    *lifecycle
	client  atomic.Pointer[kgo.Client] // nil between two memberships
}

// NewConsumer returns a Consumer. It joins the group in Run.
func NewConsumer(b *Bus, s Starter, cfg ConsumerConfig) *Consumer {
	cfg.Poll = cmp.Or(cfg.Poll, 500)
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 64)
	cfg.Patience = cmp.Or(cfg.Patience, 15*time.Second)
	log := quiet(b.cfg.Log.With().Str("part", "consumer").Logger())
	return &Consumer{bus: b, starter: s, cfg: cfg, log: log, life: newLifecycle()}
}

// Run consumes until Stop, or until ctx ends, which gives up what is under
// way. It runs once. An error means that the configuration is wrong; Kafka may
// come and go.
func (c *Consumer) Run(ctx context.Context) error {
	return c.life.run(ctx, func() error {
		for c.life.taking.Err() == nil {
			if err := c.member(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Stop begins with no more records, finishes and commits those that are being
// started, leaves the group and returns when Run has ended. When ctx ends first,
// they are given up and another member gets them; then ctx's cause is returned.
func (c *Consumer) Stop(ctx context.Context) error { return c.life.stop(ctx) }

// Ping returns nil while this process is a member of the group. One that has no
// partition, because others have all, is one, too.
func (c *Consumer) Ping(context.Context) error {
	if client := c.client.Load(); client != nil {
		if _, generation := client.GroupMetadata(); generation >= 0 {
			return nil
		}
	}
	return errors.New("not a member of the consumer group yet")
}

// member is one membership of the group. It ends with Stop, or when the topic
// was replaced by another of its name, which takes a new client to read.
func (c *Consumer) member() error {
	ctx, cancel := context.WithCancel(context.Background())
	client, err := c.bus.client(
		kgo.WithContext(ctx),
		kgo.ConsumerGroup(c.bus.cfg.Group),
		kgo.SessionTimeout(sessionTimeout),
		kgo.RebalanceTimeout(rebalanceTimeout),
		kgo.ConsumeTopics(c.bus.cfg.Topics.Reservations),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // an order twice is harmless, one skipped is lost
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxPartitionBytes(fetchPartition),
	)
	if err != nil {
		cancel()
		return err
	}
	defer c.leave(client, cancel)
	c.client.Store(client)
	defer c.client.Store(nil)
	for {
		fetches := client.PollRecords(c.life.taking, c.cfg.Poll)
		if c.life.taking.Err() != nil {
			return nil
		}
		c.process(client, fetches)
		client.AllowRebalance()
		if err := fetchError(fetches); err != nil {
			c.log.Warn().Err(err).Msg("reservations cannot be read")
			retry.Sleep(c.life.taking, time.Second) // errors come without the poll's wait
			if topicLost(err) {
				c.bus.repair(c.life.taking, err)
				return nil
			}
		}
	}
}

// leave hands the partitions over at once instead of after the session's
// timeout. With the broker away, or while a join waits for a member that died,
// that is not to be had, so it is tried briefly. cancel ends the client's
// context: a join under way answers to nothing else.
func (c *Consumer) leave(client *kgo.Client, cancel context.CancelFunc) {
	ctx, done := context.WithTimeout(c.life.finishing, 3*time.Second)
	defer done()
	client.AllowRebalance()
	if err := client.LeaveGroupContext(ctx); err != nil {
		c.log.Warn().Err(err).Msg("consumer group not left, its members will notice")
	}
	cancel()
	client.Close()
}

// process starts every record of a poll, commits as far as that went, and puts
// the rest back. Were all put back, a Temporal that is too slow for a whole poll
// would be given the same beginning of it again and again, and no order behind
// that would ever be started. The group's rebalance waits meanwhile, so nobody
// else has them.
func (c *Consumer) process(client *kgo.Client, fetches kgo.Fetches) {
	records := fetches.Records()
	if len(records) == 0 {
		return
	}
	started, err := c.startAll(records)
	done, left := divide(records, started)
	if err != nil {
		c.log.Warn().Err(err).Int("records", len(left)).Msg("reservations put back, they will be read again")
	}
	c.commit(client, done)
	client.SetOffsets(firstOffsets(left))
}

func (c *Consumer) commit(client *kgo.Client, done []*kgo.Record) {
	if len(done) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.life.finishing, 5*time.Second)
	defer cancel()
	if err := client.CommitRecords(ctx, done...); err != nil {
		c.log.Warn().Err(err).Msg("offsets not committed, reservations may be read again")
	}
}

// startAll tells which records were started or dead-lettered, with an error
// unless all were.
func (c *Consumer) startAll(records []*kgo.Record) (started []bool, err error) {
	ctx, cancel := context.WithTimeout(c.life.finishing, c.cfg.Patience)
	defer cancel()
	started = make([]bool, len(records))
	var starting errgroup.Group
	starting.SetLimit(c.cfg.Concurrency)
	for i, r := range records {
		starting.Go(func() error {
			err := c.start(ctx, r)
			started[i] = err == nil
			return err
		})
	}
	if err = starting.Wait(); err == nil {
		if err = failpoint.Hit(failpoint.ConsumerCommitBefore); err != nil {
			clear(started)
		}
	}
	return started, err
}

// divide returns the records that are behind this group, and those to be read
// again: of each partition the first that was not started, and all after it.
func divide(records []*kgo.Record, started []bool) (done, left []*kgo.Record) {
	stuck := map[int32]bool{}
	for i, r := range records {
		if !started[i] {
			stuck[r.Partition] = true
		}
		if stuck[r.Partition] {
			left = append(left, r)
		} else {
			done = append(done, r)
		}
	}
	return done, left
}

// errStopping is of records that a consumer which ends leaves to the next.
var errStopping = errors.New("the consumer is being stopped")

// start tries r until it is done, ctx ends, or Stop wants no more attempts. After
// Stop it does not even begin: with a Temporal that is silent, a poll that is to be
// tried to its end would take all the time that the process has for its own.
func (c *Consumer) start(ctx context.Context, r *kgo.Record) error {
	if c.life.taking.Err() != nil {
		return errStopping
	}
	ctx, span := c.bus.processReservation(ctx, r)
	defer span.End()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life.taking, cancel)()
	return retry.Until(waiting, func() error { return c.attempt(ctx, r) }, func(err error, _ time.Duration) {
		c.log.Warn().Err(err).Int32("partition", r.Partition).Int64("offset", r.Offset).Ctx(ctx).Msg("saga not started")
	})
}

func (c *Consumer) attempt(ctx context.Context, r *kgo.Record) error {
	begun := time.Now()
	ev, err := decodeReservation(r)
	err = failpoint.After(failpoint.ConsumerStartBefore, err)
	if err == nil {
		err = c.starter.Start(ctx, ev)
	}
	err = failpoint.After(failpoint.ConsumerStartAfter, err)
	c.bus.cfg.Meter.SagaStarted(time.Since(begun), err)
	if order.Permanent(err) {
		tracing.Fail(trace.SpanFromContext(ctx), string(order.CodeOf(err)))
		return c.bus.deadLetter(ctx, r, err)
	}
	return err
}

// firstOffsets returns where to read on so that records come again.
func firstOffsets(records []*kgo.Record) map[string]map[int32]kgo.EpochOffset {
	first := map[string]map[int32]kgo.EpochOffset{}
	for _, r := range records {
		if first[r.Topic] == nil {
			first[r.Topic] = map[int32]kgo.EpochOffset{}
		}
		if _, seen := first[r.Topic][r.Partition]; !seen {
			first[r.Topic][r.Partition] = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset}
		}
	}
	return first
}

// fetchError joins what kgo could not solve by itself, without repeating what
// every partition says.
func fetchError(fetches kgo.Fetches) error {
	var all []error
	fetches.EachError(func(_ string, _ int32, err error) {
		if !slices.ContainsFunc(all, func(e error) bool { return e.Error() == err.Error() }) {
			all = append(all, err)
		}
	})
	return errors.Join(all...)
}
