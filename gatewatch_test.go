package main

import (
	"context"
	"errors"
	"testing"

	"order-service/order"
)

func TestGateWatchTellsLateFromWrong(t *testing.T) {
	ledger := order.Product{ID: "p", Version: 1, Ledger: order.Ledger{Available: 10}}
	gate := map[string]order.GateStock{"p": {Version: 1, Available: 10}}
	w := gateWatch{
		stocks: func(context.Context, ...string) (map[string]order.GateStock, error) { return gate, nil },
		ledger: func(context.Context) ([]order.Product, error) { return []order.Product{ledger}, nil },
	}
	look := func(why string, version, available int64, want int) {
		t.Helper()
		if version > 0 {
			gate = map[string]order.GateStock{"p": {Version: version, Available: available}}
		} else {
			gate = nil
		}
		if n, err := w.look(t.Context()); n != want || err != nil {
			t.Errorf("%s: %d differ, %v, want %d", why, n, err, want)
		}
	}
	look("a product that has just come", 0, 0, 0)
	look("in step", 1, 10, 0)
	ledger.Version, ledger.Ledger.Available = 5, 6
	look("behind, and it moves", 3, 8, 0)
	look("behind, and it stands still", 3, 8, 1)
	look("it has arrived", 5, 6, 0)
	look("another number under the same version", 5, 7, 1)
	look("newer than the ledger, which was restored", 9, 6, 1)
	look("gone", 0, 0, 1)
}

func TestGateWatchSaysWhatItCannotRead(t *testing.T) {
	away := errors.New("away")
	w := gateWatch{
		stocks: func(context.Context, ...string) (map[string]order.GateStock, error) { return nil, nil },
		ledger: func(context.Context) ([]order.Product, error) { return nil, away },
	}
	if _, err := w.look(t.Context()); !errors.Is(err, away) {
		t.Error(err)
	}
	w.stocks, away = func(context.Context, ...string) (map[string]order.GateStock, error) { return nil, away }, errors.New("gone")
	if _, err := w.look(t.Context()); !errors.Is(err, away) {
		t.Error(err)
	}
}
