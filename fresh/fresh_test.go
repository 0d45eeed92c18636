package fresh

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counter returns a load that takes a second and returns how often it was called.
func counter() func(context.Context) (int, error) {
	var loads int
	return func(context.Context) (int, error) {
		loads++
		n := loads
		time.Sleep(time.Second)
		return n, nil
	}
}

func gets(t *testing.T, v *Value[int], want int) {
	t.Helper()
	if n, err := v.Get(t.Context()); n != want || err != nil {
		t.Errorf("got %d, %v, want %d", n, err, want)
	}
}

func TestThoseWhoAskTogetherShareOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, begun := New(time.Minute, For(time.Minute), counter()), time.Now()
		var asking sync.WaitGroup
		for range 100 {
			asking.Go(func() { gets(t, v, 1) })
		}
		asking.Wait()
		if took := time.Since(begun); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestValueIsLoadedAgainWhenItIsTooOldOrForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(time.Minute, For(time.Minute), counter())
		gets(t, v, 1)
		time.Sleep(59 * time.Second)
		gets(t, v, 1)
		time.Sleep(time.Second)
		gets(t, v, 2)
		v.Forget()
		gets(t, v, 3)
		gets(t, v, 3)
	})
}

// What is read before a write and comes after it must not hide the write.
func TestValueThatWasForgottenWhileItWasLoadedIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(time.Minute, For(time.Minute), counter())
		time.AfterFunc(time.Second/2, v.Forget)
		gets(t, v, 1)
		gets(t, v, 2)
	})
}

func TestErrorsAreKeptAsLongAsIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		v := New(time.Second, func(took time.Duration, err error) time.Duration {
			if took != time.Second {
				t.Errorf("a load took %v", took)
			}
			if err != nil {
				return time.Minute
			}
			return time.Hour
		}, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			err := away
			away = nil
			return 7, err
		})
		for range 2 {
			if _, err := v.Get(t.Context()); err == nil {
				t.Error("no error")
			}
		}
		time.Sleep(time.Minute)
		gets(t, v, 7)
	})
}

func TestWhoWaitsGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(time.Minute, For(time.Minute), counter())
		var loading sync.WaitGroup
		defer loading.Wait()
		loading.Go(func() { gets(t, v, 1) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := v.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it got %v", err)
		}
	})
}

func TestWhoLeavesWhileItLoadsLeavesNoErrorBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(time.Minute, For(time.Minute), func(ctx context.Context) (int, error) {
			time.Sleep(time.Second)
			return 1, ctx.Err()
		})
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := v.Get(hasty); err == nil {
			t.Error("no error")
		}
		gets(t, v, 1)
	})
}
