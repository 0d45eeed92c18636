package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"order-service/store/storetest"
)

func TestOneLeaderAtATimeAndAnotherFollowsWhenItsConnectionIsKilled(t *testing.T) {
	s := newShop(t)
	other := storetest.Open(t, s.url) // another process
	ctx, cancel := context.WithCancel(t.Context())
	var leading, terms, lost atomic.Int64
	run := func(ctx context.Context) error {
		if leading.Add(1) > 1 && !soon(func() bool { return leading.Load() == 1 }) { // who led before may not have noticed yet
			t.Error("two leaders at once")
		}
		terms.Add(1)
		<-ctx.Done()
		if context.Cause(ctx) != context.Canceled {
			lost.Add(1)
		}
		leading.Add(-1)
		return ctx.Err()
	}
	ended := make(chan error, 2)
	go func() { ended <- s.Lead(ctx, "gate", run) }()
	go func() { ended <- other.Lead(ctx, "gate", run) }()

	var seen int64 // there are more where a busy server answers a leader too late
	for range 2 {
		eventually(t, "someone leads", func() bool { return terms.Load() > seen && leading.Load() == 1 })
		seen = terms.Load()
		s.killLeader(t, "gate")
	}
	eventually(t, "someone leads", func() bool { return terms.Load() > seen && leading.Load() == 1 })
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Lead returned %v", err)
		}
	}
	if lost.Load() < 2 {
		t.Errorf("%d leaders were told that they lost the lock, want 2", lost.Load())
	}
}

func TestLeadersOfDifferentNamesDoNotMeetAndAFailedRunIsBegunAgain(t *testing.T) {
	s := newShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	var runs atomic.Int64
	both := make(chan string, 2)
	hold := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			if name == "failing" && runs.Add(1) == 1 {
				return errors.New("first run fails")
			}
			both <- name
			<-ctx.Done()
			return nil
		}
	}
	ended := make(chan error, 2)
	for _, name := range []string{"gate", "failing"} {
		go func() { ended <- s.Lead(ctx, name, hold(name)) }()
	}
	if a, b := <-both, <-both; a == b {
		t.Errorf("%s led twice", a)
	}
	cancel()
	<-ended
	<-ended
}

func (s *shop) killLeader(t *testing.T, name string) {
	t.Helper()
	eventually(t, "there is one leader's backend to kill", func() bool {
		return s.count(t, `
			WITH key AS (SELECT hashtextextended('order-service/' || current_schema() || '/' || $1, 0) AS k)
			SELECT count(pg_terminate_backend(pid)) FROM pg_locks, key
			WHERE locktype = 'advisory' AND granted
				AND classid::bigint = (k >> 32) & 4294967295 AND objid::bigint = k & 4294967295`, name) == 1
	})
}
