package batch

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"order-service/order"
)

// crowd is a batcher with a budget of 20 ms whose batches of 10 take a while.
func crowd(takes time.Duration, servers int) (*Batcher[int, int], *echo) {
	e := &echo{takes: takes}
	return New(Config{Servers: servers, MaxBatch: 10, MaxQueue: 10_000, Deadline: 5 * time.Second, Budget: 20 * time.Millisecond}, e.flush), e
}

// press sends each calls a millisecond for so many milliseconds, and counts.
func press(t *testing.T, b *Batcher[int, int], each, milliseconds int) (accepted, refused int, longest time.Duration) {
	type answer struct {
		err  error
		took time.Duration
	}
	answers := make(chan answer, each*milliseconds)
	for range milliseconds {
		for range each {
			go func() {
				begun := time.Now()
				_, err := b.Do(t.Context(), 1)
				answers <- answer{err, time.Since(begun)}
			}()
		}
		time.Sleep(time.Millisecond)
	}
	for range cap(answers) {
		a := <-answers
		switch order.CodeOf(a.err) {
		case "":
			accepted++
			longest = max(longest, a.took)
		case order.CodeOverloaded:
			refused++
			if a.took > 0 {
				t.Errorf("refused after %v, want at once", a.took)
			}
		default:
			t.Fatal(a.err)
		}
	}
	return accepted, refused, longest
}

func TestUnderOverloadAsMuchIsDoneAsCanBeAndTheRestIsRefusedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		takes    time.Duration
		servers  int
		capacity int // calls in a second
	}{
		"fast":       {2 * time.Millisecond, 1, 5000},
		"two":        {4 * time.Millisecond, 2, 5000},
		"slow disk":  {50 * time.Millisecond, 4, 800},
		"very slow":  {200 * time.Millisecond, 4, 200},
		"one a time": {50 * time.Millisecond, 1, 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := crowd(c.takes, c.servers)
				accepted, refused, longest := press(t, b, 2*c.capacity/1000+1, 3000)
				if accepted < 3*c.capacity*9/10 {
					t.Errorf("%d accepted of %d that could be, %d refused", accepted, 3*c.capacity, refused)
				}
				if limit := 2*c.takes + 30*time.Millisecond + c.takes/2; longest > limit {
					t.Errorf("one waited %v for what takes %v, want at most %v", longest, c.takes, limit)
				}
				stop(t, b)
			})
		})
	}
}

func TestNothingIsRefusedBelowCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := crowd(50*time.Millisecond, 4)
		if _, refused, _ := press(t, b, 0, 10); refused > 0 {
			t.Error(refused)
		}
		accepted, refused, _ := press(t, b, 1, 500) // 1,000/s come, 800/s can be done, and 40 may wait
		_ = accepted
		if refused > 250 {
			t.Errorf("%d of 500 refused", refused)
		}
		stop(t, b)
	})
}

func TestBehindServersThatAreAllStuckEverythingIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, e := crowd(time.Hour, 2)
		failed := make(chan error, 3)
		for range 2 {
			go func() { _, err := b.Do(t.Context(), 1); failed <- err }()
			synctest.Wait()
		}
		time.Sleep(stuckAfter + time.Millisecond)
		if _, err := b.Do(t.Context(), 1); order.CodeOf(err) != order.CodeOverloaded {
			t.Errorf("behind two that are stuck: %v", err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		e.takes = time.Millisecond // it is well again, and the next call finds out
		if _, err := b.Do(t.Context(), 1); err != nil {
			t.Error(err)
		}
		stop(t, b)
	})
}

// A silence that lasts must not get every caller to wait for it, again and
// again: one finds out, the others hear at once.
func TestWhileSilenceLastsOneFindsOutAndTheOthersAreRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, e := crowd(time.Hour, 2)
		for range 2 {
			go func() { _, _ = b.Do(t.Context(), 1) }()
			synctest.Wait()
		}
		for range 6 { // deadlines
			time.Sleep(5*time.Second + time.Millisecond)
			synctest.Wait()
			go func() { _, _ = b.Do(t.Context(), 1) }()
			synctest.Wait()
			for range 10 {
				begun := time.Now()
				if _, err := b.Do(t.Context(), 1); order.CodeOf(err) != order.CodeOverloaded || time.Since(begun) > 0 {
					t.Fatalf("answered %v after %v", err, time.Since(begun))
				}
			}
		}
		time.Sleep(5*time.Second + time.Millisecond)
		e.takes = time.Millisecond
		if accepted, refused, _ := press(t, b, 1, 100); accepted < 95 {
			t.Errorf("after it %d were accepted and %d refused", accepted, refused)
		}
		stop(t, b)
	})
}

// Those who were cut off together come back together.
func TestOfACrowdThatWasCutOffOneFindsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := crowd(time.Hour, 1)
		go func() { _, _ = b.Do(t.Context(), 1) }()
		time.Sleep(5*time.Second + time.Millisecond)
		var refused atomic.Int32
		for range 40 {
			go func() {
				if _, err := b.Do(t.Context(), 1); order.CodeOf(err) == order.CodeOverloaded {
					refused.Add(1)
				}
			}()
		}
		synctest.Wait()
		if n := refused.Load(); n != 39 {
			t.Errorf("%d of 40 were refused at once", n)
		}
		stop(t, b)
	})
}

// Nobody came for an hour, and all is well since: there is no reason left to doubt.
func TestACutOffIsForgottenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, e := crowd(time.Hour, 1)
		go func() { _, _ = b.Do(t.Context(), 1) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		e.takes = time.Millisecond
		var refused atomic.Int32
		for range 40 {
			go func() {
				if _, err := b.Do(t.Context(), 1); err != nil {
					refused.Add(1)
				}
			}()
		}
		time.Sleep(time.Second)
		if n := refused.Load(); n != 0 {
			t.Errorf("%d of 40 were refused", n)
		}
		stop(t, b)
	})
}

// The one that finds out began just before the cut would be forgotten: it still
// keeps the others from waiting with it.
func TestDoubtLastsWhileOneFindsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := crowd(time.Hour, 2)
		for range 2 {
			go func() { _, _ = b.Do(t.Context(), 1) }()
			synctest.Wait()
		}
		time.Sleep(2*b.cfg.Deadline - time.Millisecond)
		go func() { _, _ = b.Do(t.Context(), 1) }()
		for range 9 {
			time.Sleep(b.cfg.Deadline / 10)
			begun := time.Now()
			if _, err := b.Do(t.Context(), 1); order.CodeOf(err) != order.CodeOverloaded || time.Since(begun) > 0 {
				t.Fatalf("answered %v after %v", err, time.Since(begun))
			}
		}
		stop(t, b)
	})
}

// A batch hung on a connection of its own that died, while the other server went
// on at full speed.
func TestABatchThatHangsAloneRaisesNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, e := crowd(3*time.Millisecond, 2)
		b.flush = e.stall(time.Hour)
		first := make(chan error, 1)
		go func() { _, err := b.Do(t.Context(), 1); first <- err }()
		time.Sleep(time.Millisecond / 2) // so that it ends amid the batches of the other
		accepted, refused, _ := press(t, b, 2, 6000)
		if refused > 0 {
			t.Errorf("%d of %d were refused", refused, accepted+refused)
		}
		if err := <-first; err == nil {
			t.Error("the first was not cut off")
		}
		stop(t, b)
	})
}

// Of two servers one mostly ended a batch well while the other's had begun already:
// a batch later nothing is well any more, and that is no batch that hangs alone.
func TestASilenceThatBeginsAmidTwoBatchesIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, e := crowd(time.Hour, 2)
		var asked atomic.Int32
		b.flush = func(ctx context.Context, calls []*Call[int, int]) bool {
			if asked.Add(1) == 2 {
				time.Sleep(time.Millisecond)
				for _, c := range calls {
					c.Answer(c.Req, nil)
				}
				return true
			}
			return e.flush(ctx, calls)
		}
		for range 3 { // the second is answered while the first hangs, and the third hangs
			go func() { _, _ = b.Do(t.Context(), 1) }()
			synctest.Wait()
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(stuckAfter / 2)
		begun := time.Now()
		if _, err := b.Do(t.Context(), 1); order.CodeOf(err) != order.CodeUnavailable || time.Since(begun) > b.cfg.Deadline {
			t.Errorf("answered %v after %v", err, time.Since(begun))
		}
		stop(t, b)
	})
}

func TestCallsBehindABatchThatWasCutOffDoNotWaitForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := crowd(time.Hour, 2)
		for range 2 {
			go func() { _, _ = b.Do(t.Context(), 1) }()
			synctest.Wait()
		}
		time.Sleep(stuckAfter / 2)
		begun := time.Now()
		if _, err := b.Do(t.Context(), 1); order.CodeOf(err) != order.CodeUnavailable || time.Since(begun) > 5*time.Second {
			t.Errorf("answered %v after %v", err, time.Since(begun))
		}
		synctest.Wait()
		go func() { _, _ = b.Do(t.Context(), 1) }() // finds out
		synctest.Wait()
		if _, err := b.Do(t.Context(), 1); order.CodeOf(err) != order.CodeOverloaded {
			t.Errorf("behind it: %v", err)
		}
		stop(t, b)
	})
}
