package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPausesDoubleUpToFiveSecondsWithJitter(t *testing.T) {
	for failures, whole := range map[int]time.Duration{
		0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 5: 3200 * time.Millisecond, 6: longest, 1 << 20: longest,
	} {
		for range 100 {
			if got := Pause(failures); got < whole/2 || got > whole {
				t.Errorf("after %d failures %v, want from %v to %v", failures, got, whole/2, whole)
			}
		}
	}
}

func TestUntilTriesUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries int
		var paused time.Duration
		begun := time.Now()
		err := Until(t.Context(), func() error {
			if tries++; tries < 5 {
				return errors.New("not yet")
			}
			return nil
		}, func(_ error, pause time.Duration) { paused += pause })
		if took := time.Since(begun); err != nil || tries != 5 || took != paused || took < 750*time.Millisecond {
			t.Errorf("%v after %d tries and %v, told of %v", err, tries, took, paused)
		}
	})
}

func TestUntilReturnsTheLastErrorWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		last, begun := errors.New("away"), time.Now()
		err := Until(ctx, func() error { return last }, func(error, time.Duration) {})
		if took := time.Since(begun); err != last || took != time.Minute {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if Sleep(ctx, time.Hour) || time.Since(begun) != time.Second || Sleep(ctx, time.Millisecond) {
			t.Errorf("slept for %v", time.Since(begun))
		}
	})
}
