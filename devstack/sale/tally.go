package sale

import (
	"fmt"
	"sync"
	"time"

	"order-service/order"
)

// Totals is how a sale went.
type Totals struct {
	Placed                       int // orders that were accepted
	Confirmed, Failed, Cancelled int // of which so many have ended
	SoldOut, Refused             int // wishes that came to no order; Refused for any other reason
}

// line is t as it is printed after so much of the sale.
func (t Totals) line(after time.Duration) string {
	line := fmt.Sprintf("  sale %02d:%02d   placed %-5d confirmed %-5d failed %-4d cancelled %-4d sold out %-4d",
		int(after.Minutes()), int(after.Seconds())%60, t.Placed, t.Confirmed, t.Failed, t.Cancelled, t.SoldOut)
	if t.Refused > 0 {
		line += fmt.Sprintf(" refused %d", t.Refused)
	}
	return line
}

// tally counts what becomes of the buyers.
type tally struct {
	mu     sync.Mutex
	totals Totals
}

func (t *tally) sum() Totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.totals
}

func (t *tally) placed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals.Placed++
}

func (t *tally) turnedAway(why order.Code) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if why == order.CodeSoldOut {
		t.totals.SoldOut++
		return
	}
	t.totals.Refused++
}

func (t *tally) ended(as order.Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch as {
	case order.Confirmed:
		t.totals.Confirmed++
	case order.Failed:
		t.totals.Failed++
	case order.Cancelled:
		t.totals.Cancelled++
	}
}
