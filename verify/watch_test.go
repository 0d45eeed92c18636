package verify

import (
	"errors"
	"testing"

	"order-service/order"
)

func TestWatchTellsLateFromWrong(t *testing.T) {
	t.Parallel()
	ledger := product("p", 1, 10)
	s := &system{ledger: func() []order.Product { return []order.Product{ledger} }}
	w := NewWatch(s, s)
	look := func(why string, version, available int64, want int) {
		t.Helper()
		if version > 0 {
			s.gate = map[string]order.GateStock{"p": {Version: version, Available: available}}
		} else {
			s.gate = nil
		}
		if n, err := w.Look(t.Context()); n != want || err != nil {
			t.Errorf("%s: %d differ, %v, want %d", why, n, err, want)
		}
	}
	look("a product that has just come", 0, 0, 0)
	look("in step", 1, 10, 0)
	ledger = product("p", 5, 6)
	look("behind, and it moves", 3, 8, 0)
	look("behind, and it stands still", 3, 8, 1)
	look("it has arrived", 5, 6, 0)
	look("another number under the same version", 5, 7, 1)
	look("newer than the ledger, which was restored", 9, 6, 1)
	look("gone", 0, 0, 1)
}

func TestWatchSaysWhatItCannotRead(t *testing.T) {
	t.Parallel()
	s := &system{productsErr: errors.New("away")}
	w := NewWatch(s, s)
	if _, err := w.Look(t.Context()); !errors.Is(err, s.productsErr) {
		t.Error(err)
	}
	s.gateErr = errors.New("gone")
	if _, err := w.Look(t.Context()); !errors.Is(err, s.gateErr) {
		t.Error(err)
	}
}
