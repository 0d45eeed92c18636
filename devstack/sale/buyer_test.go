package sale

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// newBuyer is in a hurry: a second of theirs is a millisecond.
func newBuyer(s *fakeShop) buyer {
	return buyer{
		client: client{http: &http.Client{Transport: &http.Transport{}}, base: s.url, token: "t", speed: 1000},
		tally:  &tally{},
	}
}

func TestEveryFateEndsTheOrder(t *testing.T) {
	for name, c := range map[string]struct {
		fate fate
		want Totals
	}{
		"pays":     {pays, Totals{Placed: 1, Confirmed: 1}},
		"declines": {declines, Totals{Placed: 1, Failed: 1}},
		"cancels":  {cancels, Totals{Placed: 1, Cancelled: 1}},
		"leaves":   {leaves, Totals{Placed: 1, Failed: 1}},
	} {
		for _, polls := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s := newFakeShop(t)
				s.units["p"] = 1
				if c.fate == leaves {
					s.window = 50 * time.Millisecond
				}
				b := newBuyer(s)
				b.play(t.Context(), visit{productID: "p", quantity: 1, fate: c.fate, polls: polls})
				if got := b.tally.sum(); got != c.want {
					t.Errorf("polls %t: %+v, want %+v", polls, got, c.want)
				}
			})
		}
	}
}

func TestOrderIsRepeatedUnderItsKeyUntilItIsTaken(t *testing.T) {
	s := newFakeShop(t)
	s.units["p"], s.refusals = 1, []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}
	b := newBuyer(s)
	b.play(t.Context(), visit{productID: "p", quantity: 1})
	if len(s.keys) != 3 || s.keys[0] == "" || s.keys[0] != s.keys[1] || s.keys[1] != s.keys[2] {
		t.Errorf("keys %q, want one three times", s.keys)
	}
	if got, want := b.tally.sum(), (Totals{Placed: 1, Confirmed: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestOverloadThatLastsIsGivenUp(t *testing.T) {
	s := newFakeShop(t)
	s.refusals = slices.Repeat([]int{http.StatusServiceUnavailable}, attempts)
	b := newBuyer(s)
	b.play(t.Context(), visit{productID: "p", quantity: 1})
	if got, want := b.tally.sum(), (Totals{Refused: 1}); got != want || len(s.keys) != attempts {
		t.Errorf("%+v after %d attempts, want %+v after %d", got, len(s.keys), want, attempts)
	}
}

func TestSoldOutIsNotRepeated(t *testing.T) {
	s := newFakeShop(t)
	b := newBuyer(s)
	b.play(t.Context(), visit{productID: "p", quantity: 1})
	if got, want := b.tally.sum(), (Totals{SoldOut: 1}); got != want || len(s.keys) != 1 {
		t.Errorf("%+v after %d attempts, want %+v after one", got, len(s.keys), want)
	}
}

func TestBuyerPollsWhereNoStreamIsToBeHad(t *testing.T) {
	s := newFakeShop(t)
	s.units["p"], s.noStream = 1, http.StatusTooManyRequests
	b := newBuyer(s)
	b.play(t.Context(), visit{productID: "p", quantity: 1, fate: pays})
	if got, want := b.tally.sum(), (Totals{Placed: 1, Confirmed: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestBrokenStreamIsOpenedAgainWhereItEnded(t *testing.T) {
	s := newFakeShop(t)
	s.units["p"] = 1
	b := newBuyer(s)
	path, _ := b.place(t.Context(), visit{productID: "p", quantity: 1})
	w := &watch{client: b.client, path: path}
	defer w.close()
	p, err := w.until(t.Context(), func(p progress) bool { return p.PaymentURL != "" })
	if err != nil {
		t.Fatal(err)
	}
	w.close()
	b.decide(t.Context(), path, cancels, p)
	if p, err = w.until(t.Context(), func(p progress) bool { return p.Status.Final() }); err != nil || p.Seq != 4 {
		t.Errorf("%+v, %v; want the fourth event", p, err)
	}
	if want := []string{"", "3"}; !slices.Equal(s.resumed, want) {
		t.Errorf("streams resumed after %q, want %q", s.resumed, want)
	}
}
