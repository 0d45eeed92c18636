package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"order-service/batch"
	"order-service/order"
)

// Config says where Postgres is and how much of it to use.
type Config struct {
	URL      string // libpq URL; a search_path in its options is honoured
	Direct   string // libpq URL past the pooler that URL leads to; empty is URL
	MaxConns int32  // connections in the pool; 0 takes the URL's pool_max_conns, else 20
	Meter    Meter  // may be nil
	Log      zerolog.Logger

	// Password is asked for the password of each new connection, which may be
	// another each time. Nil takes the URL's.
	Password func() (string, error)
}

// Limits of one group of moves. Two movers keep the database busy while one of
// them waits for a commit; more would only queue for the same hot row.
const (
	movers       = 2
	maxGroup     = 256
	maxMoves     = 8192
	moveDeadline = 5 * time.Second

	// moveGather is of use while more than 80 moves a second are made, those of some
	// thirty orders. A payment link, which takes two, then comes 50 ms later at most,
	// and more of them in a second.
	moveGather = 25 * time.Millisecond
)

// Limits of one group of reads, of single orders and of users' recent ones: a
// storm of them takes no more connections.
const (
	readers      = 2
	maxRead      = 256
	maxReads     = 8192
	maxUsers     = 64 // in one statement: each may have a hundred orders
	readDeadline = 5 * time.Second
)

// The pool must outnumber the batches under way (readers and the look-ups of an
// intake), or those would wait for each other. An intake and the movers write over
// connections of their own.
const (
	defaultConns = 20
	intakeConns  = 4
	sessionConns = 2 // a migration's, until it ends; the leader takes its own out of the pool
)

// connectTimeout is for a URL that has no connect_timeout.
const connectTimeout = 5 * time.Second

// Store is a pool of connections and the batchers that move and read orders. Its
// methods may be called concurrently.
type Store struct {
	pool     *pgxpool.Pool
	intake   *pgxpool.Pool // for an Intake's inserts alone; connects when it is used
	ledger   *pgxpool.Pool // for the moves alone; connects when it is used
	sessions *pgxpool.Pool // for what a session must keep, past any pooler; connects when it is used
	shared   bool          // all but sessions lead through a pooler
	direct   bool          // sessions have a URL of their own
	guard    *guard        // of all pools, and of the leader's connection
	writes   bool          // the server must take writes, unless the URL says that it need not
	moves    *batch.Batcher[move, order.Change]
	reads    *batch.Batcher[uuid.UUID, order.Order]
	recents  *batch.Batcher[watched, []order.Order]
	meter    Meter
	log      zerolog.Logger
}

// Open connects to Postgres and pings it; it does not migrate. It returns an
// Error with CodeUnavailable when the server cannot be reached.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{guard: new(guard), meter: cfg.Meter, log: cfg.Log}
	if s.meter == nil {
		s.meter = unmetered{}
	}
	if err := s.openPools(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.Ping(ctx); err != nil {
		s.closePools()
		return nil, err
	}
	s.moves = batch.New(batch.Config{
		Servers: movers, MaxBatch: maxGroup, MaxQueue: maxMoves, Deadline: moveDeadline, Gather: moveGather,
		Ran: s.meter.MoveBatch,
	}, batch.Whole(func(ctx context.Context, moves []move) []batch.Result[order.Change] { return apart(ctx, moves, s.move) }))
	s.reads = batch.New(batch.Config{
		Servers: readers, MaxBatch: maxRead, MaxQueue: maxReads, Deadline: readDeadline,
	}, batch.Whole(s.read))
	s.recents = batch.New(batch.Config{
		Servers: readers, MaxBatch: maxUsers, MaxQueue: maxReads, Deadline: readDeadline,
	}, batch.Whole(s.recent))
	return s, nil
}

// Ping returns an Error with CodeUnavailable when Postgres does not answer, or
// has become read-only: new connections are then made, to who is primary now.
func (s *Store) Ping(ctx context.Context) error {
	demoted, err := readOnly(ctx, s.pool)
	if demoted && s.writes {
		s.guard.reset()
		err = pgconn.ErrReadOnlyConnection
	}
	return dbError("ping", err)
}

// Close finishes the moves and reads that were begun and closes the pools. Nobody
// may be using an Intake any more.
func (s *Store) Close() {
	_ = s.moves.Stop(context.Background()) // a group ends by its own deadline
	_ = s.reads.Stop(context.Background())
	_ = s.recents.Stop(context.Background())
	s.closePools()
}
