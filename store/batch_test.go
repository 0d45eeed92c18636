package store

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"order-service/order"
)

// echo answers every request with itself after a while, and records batches.
type echo struct {
	takes   time.Duration
	fail    func(batch []int) error
	batches [][]int
}

func (e *echo) flush(ctx context.Context, batch []int) ([]outcome[int], error) {
	e.batches = append(e.batches, batch)
	if !sleep(ctx, e.takes) {
		return nil, ctx.Err()
	}
	if e.fail != nil {
		if err := e.fail(batch); err != nil {
			return nil, err
		}
	}
	outs := make([]outcome[int], len(batch))
	for i, n := range batch {
		outs[i].value = n
	}
	return outs, nil
}

func TestAFreeWriterTakesAtOnceWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Millisecond}
		b := newBatcher(batcherConfig{Writers: 1, MaxBatch: 3, MaxQueue: 10, Deadline: time.Second}, e.flush)
		for n := range 6 {
			go func() {
				if got, err := b.do(t.Context(), n); got != n || err != nil {
					t.Errorf("%d got %d, %v", n, got, err)
				}
			}()
			synctest.Wait()
		}
		stopBatcher(t, b)
		if len(e.batches) != 3 || len(e.batches[0]) != 1 || len(e.batches[1]) != 3 || len(e.batches[2]) != 2 {
			t.Errorf("batches %v, want one of 1, one full, one of the rest", e.batches)
		}
	})
}

func TestABadRequestFailsAloneAndOtherErrorsFailTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Millisecond, fail: func(batch []int) error {
			for _, n := range batch {
				if n == 5 {
					return &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "22021"}
				}
				if n == 99 {
					return errors.New("the server is gone")
				}
			}
			return nil
		}}
		b := newBatcher(batcherConfig{Writers: 1, MaxBatch: 20, MaxQueue: 20, Deadline: time.Second}, e.flush)
		errs := make([]error, 101)
		round := func(from, to int) {
			for n := from; n < to; n++ {
				go func() { _, errs[n] = b.do(t.Context(), n) }()
				synctest.Wait() // each in its turn: the first begins alone, the rest are one batch
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		round(0, 8)
		for n, err := range errs[:8] {
			if (err != nil) != (n == 5) {
				t.Errorf("request %d: %v", n, err)
			}
		}
		round(97, 101)
		for n, err := range errs[97:] {
			if (err != nil) != (n > 0) {
				t.Errorf("request %d: %v", 97+n, err)
			}
		}
		stopBatcher(t, b)
	})
}

func TestARequestThatWaitedPastTheDeadlineIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Hour}
		b := newBatcher(batcherConfig{Writers: 1, MaxBatch: 1, MaxQueue: 10, Deadline: time.Second}, e.flush)
		errs := make([]error, 3)
		for n := range errs {
			go func() { _, errs[n] = b.do(t.Context(), n) }()
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !errors.Is(errs[0], context.DeadlineExceeded) {
			t.Errorf("the stuck batch: %v", errs[0])
		}
		if last := errs[2]; !errors.Is(last, ErrWithdrawn) || order.CodeOf(last) != order.CodeUnavailable || !Unwritten(last) {
			t.Errorf("the last of the queue: %v", last)
		}
		stopBatcher(t, b)
	})
}

func TestWaitFollowsTheQueueAndAStuckBatchAndForgetsThemWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: 4 * time.Second}
		b := newBatcher(batcherConfig{Writers: 1, MaxBatch: 1, MaxQueue: 10, Deadline: time.Minute}, e.flush)
		for n := range 3 {
			go func() { _, _ = b.do(t.Context(), n) }()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		if got, want := b.wait(), 2500*time.Millisecond; got != want {
			t.Errorf("behind a batch of 1 s and two more: %v, want %v", got, want)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := b.wait(); got != 0 {
			t.Errorf("idle: %v, want 0", got)
		}
		stopBatcher(t, b)
	})
}

func TestStopAbandonsBatchesWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{takes: time.Hour}
		b := newBatcher(batcherConfig{Writers: 1, MaxBatch: 1, MaxQueue: 10, Deadline: time.Hour}, e.flush)
		failed := make(chan error, 1)
		go func() { _, err := b.do(t.Context(), 1); failed <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("the abandoned request: %v", err)
		}
		_, err := b.do(t.Context(), 2)
		if order.CodeOf(err) != order.CodeUnavailable {
			t.Errorf("after stop: %v", err)
		}
	})
}

func stopBatcher(t *testing.T, b *batcher[int, int]) {
	t.Helper()
	if err := b.stop(t.Context()); err != nil {
		t.Error(err)
	}
}
