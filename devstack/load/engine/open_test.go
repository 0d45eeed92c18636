package engine

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// TestStallIsMeasuredFromTheMomentThatRequestsWereDue has a service stop for a
// while. Only those under way are slow by their own clock; those that would
// have come meanwhile waited as well.
func TestStallIsMeasuredFromTheMomentThatRequestsWereDue(t *testing.T) {
	const stall = 400 * time.Millisecond
	var begun atomic.Pointer[time.Time]
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		begun.CompareAndSwap(nil, &now)
		time.Sleep(time.Until(begun.Load().Add(stall)))
		accepted(w, r)
	})
	r, result := drive(t, t.Context(), s, Config{Arrivals: Poisson(500, 1), Duration: time.Second, Connections: 4})
	took := r.Tally.Of(Accepted)
	if result.Unsent > 0 || took.FromDue.Count() != result.Sent {
		t.Fatalf("%+v, %v", result, r.Tally.Outcomes())
	}
	if got := took.FromDue.Quantile(.8); got < stall/4 {
		t.Errorf("one in five took %v or longer since it was due, want %v at least", got, stall/4)
	}
	if got := took.FromSend.Quantile(.8); got > stall/4 {
		t.Errorf("one in five took %v or longer since it was sent; the test's service is slow", got)
	}
}

func TestArrivalsThatFindNoConnectionAreUnsent(t *testing.T) {
	leave := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { <-leave })
	defer close(leave)
	_, result := drive(t, t.Context(), s, Config{
		Arrivals: Poisson(1000, 1), Duration: time.Second, Patience: 500 * time.Millisecond, Connections: 2,
	})
	if result.Sent != 2 || result.Unsent < 100 {
		t.Errorf("%+v; want two that were sent and all others unsent", result)
	}
}

func TestRequestsWaitForAConnectionInTheOrderOfTheirArrival(t *testing.T) {
	var order []uint64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		accepted(w, r)
	})
	drive(t, t.Context(), s, Config{
		Arrivals: Poisson(10_000, 1), Duration: time.Minute, Requests: 100, Connections: 1,
		Read: func(n uint64, _ Answer) { order = append(order, n) },
	})
	for i, n := range order {
		if n != uint64(i) {
			t.Fatalf("sent in the order %v", order)
		}
	}
}

func TestClockWaitsAboutAsLongAsItIsTold(t *testing.T) {
	c := newClock()
	defer c.close()
	begun, shortest := time.Now(), time.Hour
	for range 100 {
		once := time.Now()
		c.wait(500 * time.Microsecond)
		shortest = min(shortest, time.Since(once))
	}
	// A busy machine wakes us late; a clock that is wrong is late every time.
	if took := time.Since(begun); took < 50*time.Millisecond || shortest > 10*time.Millisecond {
		t.Errorf("100 waits of 0.5 ms took %v, the shortest %v", took, shortest)
	}
}
