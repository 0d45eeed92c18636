package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"order-service/cache"
	"order-service/config"
	"order-service/order"
	"order-service/saga"
	"order-service/store"
	"order-service/verify"
)

// repairAge is how long an order or a payment must have been left alone before
// repair takes it up: younger ones are in somebody's hands.
const repairAge = 30 * time.Second

// repair drives on what was left behind: orders without a workflow, payments
// that were neither applied nor refunded, and the gate. Every step is one that
// the service itself may repeat, so it is safe at any time.
type repair struct {
	store *store.Store
	saga  *saga.Client
	sync  *cache.Sync
	say   func(format string, args ...any) // tells of each thing done
}

// repairSystem repairs the running system and says what it did.
func repairSystem(ctx context.Context, cfg config.Config, log zerolog.Logger, out io.Writer) error {
	db, err := openStore(ctx, cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer db.Close()
	gate, err := openGate(cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer gate.Close()
	workflows, err := openSaga(cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer workflows.Close()
	r := repair{store: db, saga: workflows, sync: cache.NewSync(gate, db, log), say: func(format string, args ...any) {
		fmt.Fprintf(out, format+"\n", args...)
	}}
	return errors.Join(r.orders(ctx, cfg.PaymentTimeout), r.payments(ctx), r.products(ctx))
}

// orders starts the workflows that open orders lack.
func (r repair) orders(ctx context.Context, paymentTimeout time.Duration) error {
	audit, err := r.store.Audit(ctx, repairAge, paymentTimeout)
	if err != nil {
		return fmt.Errorf("find open orders: %w", err)
	}
	orphans, err := verify.Orphans(ctx, r.store, r.saga, audit.Open)
	if err != nil {
		return err
	}
	for _, id := range orphans {
		o, err := r.store.Order(ctx, id)
		if err == nil {
			err = r.saga.Start(ctx, o.Reservation())
		}
		if err != nil {
			return fmt.Errorf("start the workflow of order %s: %w", id, err)
		}
		r.say("order %s, %s: workflow started", id, o.Status)
	}
	r.say("%d open orders looked at, %d started", len(audit.Open), len(orphans))
	return nil
}

// payments hands each payment that nobody finished to its order, or, when that
// is final, to a refund. An order that has the payment already ignores it.
func (r repair) payments(ctx context.Context) error {
	left, err := r.store.UnfinishedPayments(ctx, repairAge)
	if err != nil {
		return fmt.Errorf("find unfinished payments: %w", err)
	}
	for _, p := range left {
		if err := r.payment(ctx, p); err != nil {
			return fmt.Errorf("payment %s: %w", p.ID, err)
		}
	}
	return nil
}

func (r repair) payment(ctx context.Context, p order.Payment) error {
	o, err := r.store.Order(ctx, p.OrderID)
	if err != nil {
		return err
	}
	if p.State == order.PaymentReceived && !o.Status.Final() {
		r.say("payment %s: passed on to order %s, %s", p.ID, o.ID, o.Status)
		return r.saga.PaymentReceived(ctx, o, p)
	}
	r.say("payment %s of order %s, %s: refund started", p.ID, o.ID, o.Status)
	return r.saga.Refund(ctx, p)
}

// products publishes every ledger to the gate. Holds without an order are
// reaped by the service itself.
func (r repair) products(ctx context.Context) error {
	products, err := r.store.Products(ctx)
	if err != nil {
		return fmt.Errorf("read products: %w", err)
	}
	for _, p := range products {
		if err := r.sync.Now(ctx, p.ID); err != nil {
			return fmt.Errorf("publish product %s: %w", p.ID, err)
		}
	}
	r.say("%d products published to the gate", len(products))
	return nil
}
