package order_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"order-service/order"
)

// moves is the table of legal moves; every pair that is not in it is illegal.
var moves = map[order.Status][]order.Status{
	order.Pending:           {order.InventoryReserved, order.Failed, order.Cancelled},
	order.InventoryReserved: {order.PaymentPending, order.Confirmed, order.Failed, order.Cancelled},
	order.PaymentPending:    {order.Confirmed, order.Failed, order.Cancelled},
}

func TestOnlyTheMovesOfTheTableAreLegal(t *testing.T) {
	t.Parallel()
	everything := append(order.Statuses(), "", "SHIPPED")
	for _, from := range everything {
		for _, to := range everything {
			want := slices.Contains(moves[from], to)
			if got := from.CanBecome(to); got != want {
				t.Errorf("%q to %q: legal = %t, want %t", from, to, got, want)
			}
			if got := slices.Contains(to.Previous(), from); got != want {
				t.Errorf("%q among what precedes %q: %t, want %t", from, to, got, want)
			}
		}
	}
}

func TestOnlyAFreeOrderIsConfirmedWithoutHavingWaited(t *testing.T) {
	t.Parallel()
	for _, status := range order.Statuses() {
		for _, next := range order.Statuses() {
			for amount := range int64(2) {
				o := order.Order{Status: status, Amount: amount}
				want := status.CanBecome(next) && (amount == 0 || next != order.Confirmed || status == order.PaymentPending)
				if got := o.MayBecome(next); got != want {
					t.Errorf("%s to %s for %d: %t, want %t", status, next, amount, got, want)
				}
			}
		}
	}
}

func TestExactlyTheStatusesWithoutMovesAreFinal(t *testing.T) {
	t.Parallel()
	for _, s := range order.Statuses() {
		if got, want := s.Final(), len(moves[s]) == 0; got != want {
			t.Errorf("%s final = %t, want %t", s, got, want)
		}
	}
}

// An order that takes any sequence of attempted moves ends within three, and
// then stays where it is.
func TestRandomWalkEndsInAFinalStatusAndStaysThere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		status, taken := order.Pending, 0
		for _, next := range rapid.SliceOf(rapid.SampledFrom(order.Statuses())).Draw(t, "attempts") {
			if !status.CanBecome(next) {
				continue
			}
			if status.Final() || next == order.Pending || next == status {
				t.Fatalf("%s became %s", status, next)
			}
			status = next
			taken++
		}
		if taken > 3 || taken == 3 && !status.Final() {
			t.Fatalf("%d moves led to %s", taken, status)
		}
	})
}

func TestEachReasonFailsOnlyOrdersThatItCanConcern(t *testing.T) {
	t.Parallel()
	early, waiting := []order.Status{order.Pending, order.InventoryReserved}, []order.Status{order.PaymentPending}
	for reason, from := range map[order.Reason][]order.Status{
		order.OutOfStock:         early,
		order.PurchaseLimit:      early,
		order.PaymentUnavailable: early,
		order.PaymentTimeout:     waiting,
		order.PaymentDeclined:    waiting,
		"":                       nil,
		"BORED":                  nil,
	} {
		for _, s := range order.Statuses() {
			if got, want := reason.Allows(s), slices.Contains(from, s); got != want {
				t.Errorf("%q from %s: %t, want %t", reason, s, got, want)
			}
			if reason.Allows(s) && !s.CanBecome(order.Failed) {
				t.Errorf("%q fails an order that is %s", reason, s)
			}
		}
	}
}

func TestEveryStatusAndReasonHasItsOwnMessage(t *testing.T) {
	t.Parallel()
	said := map[string]string{}
	say := func(s order.Status, r order.Reason) {
		message := order.Message(s, r)
		if message == "" {
			t.Errorf("%s %s: no message", s, r)
		}
		if other, taken := said[message]; taken {
			t.Errorf("%s %s and %s share %q", s, r, other, message)
		}
		said[message] = string(s) + " " + string(r)
	}
	for _, s := range order.Statuses() {
		say(s, "")
	}
	for _, r := range []order.Reason{order.OutOfStock, order.PurchaseLimit, order.PaymentUnavailable, order.PaymentTimeout, order.PaymentDeclined} {
		say(order.Failed, r)
	}
	if got, want := order.Message(order.Pending, ""), "Order reserved successfully. Processing payment..."; got != want {
		t.Errorf("the message of the 202 is %q, want %q", got, want)
	}
}

func TestParseStatusTakesExactSpellings(t *testing.T) {
	t.Parallel()
	for _, s := range order.Statuses() {
		if got, err := order.ParseStatus(string(s)); got != s || err != nil {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "pending", " PENDING", "SHIPPED"} {
		if _, err := order.ParseStatus(s); order.CodeOf(err) != order.CodeValidation {
			t.Errorf("%q: %v", s, err)
		}
	}
}
