package bus

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"order-service/order"
)

// offerN offers a batch of n orders.
func offerN(l *backlog, id int64, n int) {
	l.offer(leased{OutboxBatch: order.OutboxBatch{ID: id, Orders: make([]order.Order, n)}, until: time.Now().Add(time.Hour)})
}

func ids(round []leased) []int64 {
	var all []int64
	for _, b := range round {
		all = append(all, b.ID)
	}
	return all
}

// wantNext fails unless the next round comes after so long and has these batches.
func wantNext(t *testing.T, l *backlog, ctx context.Context, after time.Duration, want ...int64) {
	t.Helper()
	begun := time.Now()
	got := ids(l.next(ctx))
	if took := time.Since(begun); took != after || !slices.Equal(got, want) {
		t.Errorf("round %v after %v, want %v after %v", got, took, want, after)
	}
}

func TestBacklogLetsAQuietBatchLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBacklog(1000)
		for id := range int64(3) {
			offerN(l, id, 1)
			wantNext(t, l, t.Context(), 0, id)
			time.Sleep(gather)
		}
		time.AfterFunc(time.Minute, func() { offerN(l, 3, 1) })
		wantNext(t, l, t.Context(), time.Minute, 3)
	})
}

func TestBacklogGathersWhatIsOfferedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBacklog(1000)
		offerN(l, 0, 1)
		wantNext(t, l, t.Context(), 0, 0)
		for id := int64(1); id <= 4; id++ {
			time.AfterFunc(time.Duration(id)*gather/5, func() { offerN(l, id, 1) })
		}
		wantNext(t, l, t.Context(), gather, 1, 2, 3, 4)
		offerN(l, 5, 1)
		time.Sleep(3 * gather) // a round that takes long: what waits has waited enough
		offerN(l, 6, 1)
		wantNext(t, l, t.Context(), 0, 5, 6)
	})
}

func TestBacklogDoesNotHoldUpAFullRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBacklog(4 * fullRound)
		for id := range int64(6) {
			offerN(l, id, fullRound/2)
		}
		wantNext(t, l, t.Context(), 0, 0, 1)
		wantNext(t, l, t.Context(), 0, 2, 3)
		offerN(l, 6, fullRound+1)
		wantNext(t, l, t.Context(), 0, 4, 5)
		wantNext(t, l, t.Context(), 0, 6)
	})
}

func TestBacklogIsBoundedByOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBacklog(100)
		offerN(l, 0, 60)
		offerN(l, 1, 41) // left to the sweeper
		offerN(l, 2, 40)
		offerN(l, 3, 1) // left, too
		wantNext(t, l, t.Context(), 0, 0, 2)
		offerN(l, 4, 100) // there is room again
		wantNext(t, l, t.Context(), gather, 4)
	})
}

func TestBacklogIsEmptiedAtOnceWhenStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBacklog(4 * fullRound)
		ctx, stop := context.WithCancel(t.Context())
		offerN(l, 0, 1)
		wantNext(t, l, ctx, 0, 0)
		time.AfterFunc(gather/2, func() {
			offerN(l, 1, fullRound)
			offerN(l, 2, 1)
			stop()
		})
		wantNext(t, l, ctx, gather/2, 1)
		wantNext(t, l, ctx, 0, 2)
		wantNext(t, l, ctx, 0)
	})
}
