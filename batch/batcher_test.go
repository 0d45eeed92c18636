package batch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"order-service/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers every request with itself after a while, and records batches.
type echo struct {
	takes time.Duration

	mu      sync.Mutex
	batches [][]int
}

func (e *echo) flush(ctx context.Context, calls []*Call[int, int]) bool {
	e.mu.Lock()
	e.batches = append(e.batches, Reqs(calls))
	e.mu.Unlock()
	select {
	case <-time.After(e.takes):
		for _, c := range calls {
			c.Answer(c.Req, nil)
		}
	case <-ctx.Done():
		for _, c := range calls {
			c.Fail(ctx.Err())
		}
	}
	return true
}

func (e *echo) sizes() (sizes []int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, batch := range e.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes
}

// ask begins n calls, each in its turn, and does not wait for their answers.
func ask(t *testing.T, b *Batcher[int, int], n int) {
	t.Helper()
	for i := range n {
		go func() {
			if got, err := b.Do(t.Context(), i); got != i || err != nil {
				t.Errorf("%d got %d, %v", i, got, err)
			}
		}()
		synctest.Wait()
	}
}

func stop(t *testing.T, b *Batcher[int, int]) {
	t.Helper()
	if err := b.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func bounds() Config {
	return Config{Servers: 1, MaxBatch: 20, MaxQueue: 100, Deadline: time.Minute}
}

func wantSizes(t *testing.T, e *echo, want ...int) {
	t.Helper()
	if got := e.sizes(); !equal(got, want) {
		t.Errorf("batches of %v, want %v", got, want)
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestAFreeServerTakesAtOnceWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Millisecond}
		cfg := bounds()
		cfg.MaxBatch = 3
		b := New(cfg, e.flush)
		ask(t, b, 6)
		stop(t, b)
		wantSizes(t, e, 1, 3, 2)
	})
}

func TestASecondServerBeginsOnlyWhenABatchsWorthWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Millisecond}
		cfg := bounds()
		cfg.Servers = 2
		b := New(cfg, e.flush)
		ask(t, b, 1+4) // the first goes alone, the next is as much again, three wait
		time.Sleep(time.Millisecond)
		synctest.Wait() // three are taken
		ask(t, b, 2)
		wantSizes(t, e, 1, 1, 3)
		ask(t, b, 1)
		stop(t, b)
		wantSizes(t, e, 1, 1, 3, 3)
	})
}

func TestABatchWaitsForMoreOnlyWhileCallsComeOften(t *testing.T) {
	for name, test := range map[string]struct {
		every   time.Duration
		atLeast int // calls in a batch, once it is known how often they come
		atMost  int
		longest time.Duration
	}{
		"often":  {5 * time.Millisecond, 5, 6, 30 * time.Millisecond},
		"seldom": {15 * time.Millisecond, 1, 1, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, e := bounds(), &echo{takes: time.Millisecond}
				cfg.Servers, cfg.Gather = 2, 25*time.Millisecond
				b := New(cfg, e.flush)
				var longest atomic.Int64
				for i := range 300 {
					go func() {
						begun := time.Now()
						_, _ = b.Do(t.Context(), i)
						longest.Store(max(longest.Load(), int64(time.Since(begun))))
					}()
					time.Sleep(test.every)
				}
				stop(t, b)
				sizes := e.sizes()
				for _, n := range sizes[len(sizes)/2 : len(sizes)-1] {
					if n < test.atLeast || n > test.atMost {
						t.Errorf("batches of %v", sizes)
						break
					}
				}
				if got := time.Duration(longest.Load()); got > test.longest {
					t.Errorf("a call took %s", got)
				}
			})
		})
	}
}

func TestASlowBatchDoesNotKeepASmallOneWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Second}
		cfg := bounds()
		cfg.Servers, cfg.MaxBatch = 2, 3
		b := New(cfg, e.flush)
		ask(t, b, 1)
		ask(t, b, 3)
		wantSizes(t, e, 1, 1) // the second server has one, too; two wait
		time.Sleep(time.Second)
		synctest.Wait()
		wantSizes(t, e, 1, 1, 2)
		time.Sleep(20 * time.Millisecond)
		ask(t, b, 1)
		wantSizes(t, e, 1, 1, 2) // a batch of a second is nothing unusual
		time.Sleep(970 * time.Millisecond)
		ask(t, b, 1)
		wantSizes(t, e, 1, 1, 2, 2)
		stop(t, b)
	})
}

// stall is a flush whose first batch hangs, for as long as is told.
func (e *echo) stall(hangs time.Duration) Flush[int, int] {
	var first atomic.Bool
	return func(ctx context.Context, calls []*Call[int, int]) bool {
		if first.CompareAndSwap(false, true) {
			return (&echo{takes: hangs}).flush(ctx, calls)
		}
		return e.flush(ctx, calls)
	}
}

// The second server has five, and four wait: less than it had before.
func TestAServerDoesNotRestBesideOneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: 3 * slowAfter}
		cfg := bounds()
		cfg.Servers, cfg.MaxBatch = 2, 5
		b := New(cfg, e.stall(30*time.Second))
		ask(t, b, 1) // hangs
		time.Sleep(2 * slowAfter)
		ask(t, b, 1+5+4)
		begun := time.Now()
		for len(e.sizes()) < 3 {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		wantSizes(t, e, 1, 5, 4)
		if took := time.Since(begun); took > 7*slowAfter {
			t.Errorf("the last were begun after %v", took)
		}
		stop(t, b)
	})
}

// besideAHang returns a batcher of which one server hangs and the other rests,
// while four wait.
func besideAHang(t *testing.T) (*Batcher[int, int], *echo) {
	t.Helper()
	e := &echo{takes: time.Millisecond}
	cfg := bounds()
	cfg.Servers = 2
	b := New(cfg, e.stall(30*time.Second))
	ask(t, b, 1)   // hangs
	ask(t, b, 1+5) // as many as the first had are worth the other, then five wait
	time.Sleep(time.Millisecond)
	synctest.Wait()
	ask(t, b, 4)
	time.Sleep(time.Millisecond)
	synctest.Wait()
	wantSizes(t, e, 1, 5) // four are not worth it
	return b, e
}

// It rested while the other still was as fast as usual, and nobody comes any more
// who could see that it hangs.
func TestARestingServerIsWokenWhenTheOtherHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, e := besideAHang(t)
		time.Sleep(2 * slowAfter)
		synctest.Wait()
		wantSizes(t, e, 1, 5, 4)
		stop(t, b)
	})
}

// One call alone, and no server that could help: nothing is watched.
func TestNothingIsWatchedWhileNobodyWaitsOrNoServerRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Second}
		b := New(bounds(), e.flush)
		ask(t, b, 3)
		if b.watching {
			t.Error("with one server")
		}
		stop(t, b)
		cfg := bounds()
		cfg.Servers = 2
		b = New(cfg, e.flush)
		ask(t, b, 1)
		if b.watching {
			t.Error("with one call")
		}
		stop(t, b)
	})
}

func TestARequestThatWaitedPastTheDeadlineIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Hour}
		cfg := bounds()
		cfg.MaxBatch, cfg.Deadline = 1, time.Second
		b := New(cfg, e.flush)
		errs := make([]error, 3)
		for n := range errs {
			go func() { _, errs[n] = b.Do(t.Context(), n) }()
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !errors.Is(errs[0], context.DeadlineExceeded) {
			t.Errorf("the stuck batch: %v", errs[0])
		}
		if last := errs[2]; !errors.Is(last, ErrWithdrawn) || order.CodeOf(last) != order.CodeUnavailable {
			t.Errorf("the last of the queue: %v", last)
		}
		stop(t, b)
	})
}

func TestACallerMayWithdrawOnlyWhatNoServerHasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Second}
		b := New(bounds(), e.flush)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make([]error, 2)
		for n := range errs {
			go func() { _, errs[n] = b.Do(ctx, n) }()
			synctest.Wait()
		}
		cancel()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if errs[0] != nil {
			t.Errorf("the call that was taken: %v", errs[0])
		}
		if !errors.Is(errs[1], ErrWithdrawn) || !errors.Is(errs[1], context.Canceled) {
			t.Errorf("the call that was not: %v", errs[1])
		}
		stop(t, b)
		wantSizes(t, e, 1)
	})
}

func TestAFullQueueIsOverloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Second}
		cfg := bounds()
		cfg.MaxBatch, cfg.MaxQueue = 1, 2
		b := New(cfg, e.flush)
		ask(t, b, 3)
		_, err := b.Do(t.Context(), 9)
		if order.CodeOf(err) != order.CodeOverloaded || !errors.Is(err, ErrWithdrawn) {
			t.Errorf("behind a full queue: %v", err)
		}
		stop(t, b)
	})
}

func TestStopAbandonsBatchesWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Hour}
		cfg := bounds()
		cfg.Deadline = time.Hour
		b := New(cfg, e.flush)
		failed := make(chan error, 1)
		go func() { _, err := b.Do(t.Context(), 1); failed <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("the abandoned request: %v", err)
		}
		_, err := b.Do(t.Context(), 2)
		if order.CodeOf(err) != order.CodeUnavailable {
			t.Errorf("after stop: %v", err)
		}
	})
}

// Four wait behind a batch that hangs, beside a server that rests.
func TestStopRunsWhatIsQueuedBehindABatchThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, e := besideAHang(t)
		var stopped sync.WaitGroup
		stopped.Go(func() { stop(t, b) })
		synctest.Wait() // without a moment of the clock
		wantSizes(t, e, 1, 5, 4)
		stopped.Wait()
	})
}

// TestEveryCallIsAnsweredOnceWithItsOwnResult plays random crowds on real time:
// callers come at once or after one another, some with little patience.
func TestEveryCallIsAnsweredOnceWithItsOwnResult(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := &echo{takes: time.Duration(rapid.IntRange(0, 300).Draw(rt, "µs")) * time.Microsecond}
		b := New(Config{
			Servers: rapid.IntRange(1, 4).Draw(rt, "servers"), MaxBatch: rapid.IntRange(1, 9).Draw(rt, "batch"),
			MaxQueue: rapid.IntRange(1, 60).Draw(rt, "queue"), Deadline: time.Minute, // no machine is that busy
			Budget: time.Duration(rapid.IntRange(0, 1).Draw(rt, "budget")) * time.Millisecond,
		}, e.flush)
		var callers sync.WaitGroup
		for i := range rapid.IntRange(1, 60).Draw(rt, "callers") {
			patience := time.Duration(rapid.SampledFrom([]int{1, 50, 1_000_000}).Draw(rt, "patience")) * time.Microsecond
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				got, err := b.Do(ctx, i)
				if err == nil && got != i || err != nil && !errors.Is(err, ErrWithdrawn) {
					rt.Errorf("%d got %d, %v", i, got, err)
				}
			})
		}
		callers.Wait()
		if err := b.Stop(t.Context()); err != nil {
			rt.Error(err)
		}
		seen := map[int]bool{}
		for _, batch := range e.batches {
			for _, n := range batch {
				if seen[n] {
					rt.Errorf("%d was in two batches", n)
				}
				seen[n] = true
			}
		}
	})
}
