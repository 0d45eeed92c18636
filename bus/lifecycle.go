package bus

import (
	"context"
	"sync"
)

// lifecycle is how a part ends in two steps: first it takes no more work, then
// it finishes what it has taken, unless the one who stops it loses patience.
type lifecycle struct {
	taking    context.Context // ended by stop: take nothing more
	finishing context.Context // ended when what was taken must be given up
	rest      context.CancelFunc
	abort     context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running sync.WaitGroup
}

func newLifecycle() *lifecycle {
	l := new(lifecycle)
	l.finishing, l.abort = context.WithCancel(context.Background())
	l.taking, l.rest = context.WithCancel(l.finishing)
	return l
}

// run calls body, which must return soon after l.finishing has ended, and
// after l.taking once its work is finished. The end of ctx ends both. A part
// that was stopped before does not run.
func (l *lifecycle) run(ctx context.Context, body func() error) error {
	if !l.begin() {
		return nil
	}
	defer l.running.Done()
	defer context.AfterFunc(ctx, l.abort)()
	return body()
}

// begin counts a run, unless stop came first: a WaitGroup that is waited on
// must not start to grow from zero.
func (l *lifecycle) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		l.running.Add(1)
	}
	return !l.stopped
}

// stop returns when run has returned. It returns ctx's cause when ctx ended
// first and work was given up. It may be called more than once.
func (l *lifecycle) stop(ctx context.Context) error {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.rest()
	defer l.abort()
	defer context.AfterFunc(ctx, l.abort)()
	l.running.Wait()
	if l.finishing.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
