package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadingIsSharedAndGetsRarerTheLongerItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads int
		took := 10 * time.Millisecond
		r := newReading(func(context.Context) (int, error) {
			time.Sleep(took)
			reads++
			return reads, nil
		})
		var asking sync.WaitGroup
		for range 10 {
			asking.Go(func() {
				if n, err := r.Get(t.Context()); n != 1 || err != nil {
					t.Errorf("got %d, %v", n, err)
				}
			})
		}
		asking.Wait()
		time.Sleep(readEvery)
		took = 100 * time.Millisecond
		for range 20 { // of two seconds' worth of asking
			_, _ = r.Get(t.Context())
			time.Sleep(100 * time.Millisecond)
		}
		if reads > 3 {
			t.Errorf("%d readings, the last of 100 ms every 2 s", reads)
		}
	})
}

func TestReadingGivesUpAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := true
		r := newReading(func(ctx context.Context) (int, error) {
			if away {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}
			return 7, nil
		})
		begun := time.Now()
		if _, err := r.Get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != readTimeout {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		away = false
		time.Sleep(readTimeout * readShare)
		if n, err := r.Get(t.Context()); n != 7 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	})
}

// The larger the sale the more a reading costs, until it fails: that one used to
// be repeated every two seconds by every process.
func TestReadingsThatFailTakeNoLargerShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads int
		r := newReading(func(ctx context.Context) (int, error) {
			reads++
			<-ctx.Done()
			return 0, context.Cause(ctx)
		})
		begun := time.Now()
		for time.Since(begun) < time.Minute {
			_, _ = r.Get(t.Context())
			time.Sleep(100 * time.Millisecond)
		}
		if share := time.Minute / (time.Duration(reads) * readTimeout); share < readShare-4 { // the first is free
			t.Errorf("%d readings of %v in a minute", reads, readTimeout)
		}
	})
}

func TestSystemIsLedOnlyWhileRunRuns(t *testing.T) {
	s := &system{}
	_ = s.lead(t.Context(), func(context.Context) error {
		if !s.leading.Load() {
			t.Error("not leading")
		}
		return nil
	})
	if s.leading.Load() {
		t.Error("still leading")
	}
}
