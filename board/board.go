package board

import (
	"context"
	"embed"
	"io/fs"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

//go:embed web
var web embed.FS

// Config is where the board's figures come from.
type Config struct {
	Source  Source
	Line    Line    // may be nil: nobody knows how long those wait who come last
	Checks  []Check // asked for each point
	Version string  // of the service
	Log     zerolog.Logger
}

// Source is what there is to know about a sale.
type Source interface {
	Overview(context.Context) (order.Overview, error)
	Lag(context.Context) (int64, error) // of the consumer group, in records
	Process() Counts
}

// Counts are what this process has counted since it began.
type Counts struct {
	Bounds   []time.Duration       // of the buckets of Accepted, ascending
	Accepted []uint64              // orders by how long their 202 took; one more than Bounds
	Refused  map[order.Code]uint64 // requests to place an order
	Streams  int64                 // event streams open now
}

// Line tells the position of an order that is accepted now.
type Line interface {
	Length() (order.Position, bool)
}

// Check asks a backend whether it is there. When a required one fails nothing
// is sold.
type Check struct {
	Name     string
	Required bool
	Ping     func(context.Context) error
}

// Board gathers a point a second while somebody watches, and sends it to all
// who do. The last points are kept, so that a chart is full as soon as it is
// opened.
type Board struct {
	gather func(context.Context) point
	log    zerolog.Logger
	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc

	running sync.WaitGroup // the gatherer and the watchers; Add under mu and only while !closed

	mu        sync.Mutex
	closed    bool
	gathering bool
	watchers  map[*watcher]struct{}
	past      history
}

// New returns a board that nobody watches yet.
func New(cfg Config) *Board {
	g := &gatherer{source: cfg.Source, line: cfg.Line, checks: cfg.Checks, process: processName(cfg.Version), log: cfg.Log}
	return newBoard(g.point, cfg.Log)
}

func newBoard(gather func(context.Context) point, log zerolog.Logger) *Board {
	b := &Board{gather: gather, log: log, watchers: map[*watcher]struct{}{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// Files are the board's page, board.html, and what it uses, each under its path
// on the site. It also uses /style.css and /money.js, which all pages share.
func (b *Board) Files() fs.FS {
	files, _ := fs.Sub(web, "web") // fails for a name that is no path
	return files
}

// Close ends the gatherer and every stream and returns when all have ended. It
// may be called more than once.
func (b *Board) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.running.Wait()
}
