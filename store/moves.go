package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"order-service/batch"
	"order-service/order"
)

// move is one wanted change of an order's status.
type move struct {
	order      uuid.UUID
	to         order.Status
	reason     order.Reason // to FAILED
	paymentID  string       // to PAYMENT_PENDING and CONFIRMED
	paymentURL string       // to PAYMENT_PENDING
	expiresAt  time.Time    // to PAYMENT_PENDING
}

// Reserve takes an order from PENDING to INVENTORY_RESERVED and its units out
// of the product's available ones.
//
// Each move is one transaction of status, history and ledger, and idempotent: a
// repetition changes nothing and returns the event recorded the first time,
// with the stock as it is now. Codes, for every move: CodeOrderNotFound,
// CodeConflict when the order is not where it could be moved from,
// CodeOverloaded, CodeUnavailable; for this one also CodeSoldOut (also when
// there is no such product) and CodePurchaseLimit.
func (s *Store) Reserve(ctx context.Context, id uuid.UUID) (order.Change, error) {
	return s.moves.Do(ctx, move{order: id, to: order.InventoryReserved})
}

// RequestPayment takes an order from INVENTORY_RESERVED to PAYMENT_PENDING, to
// be paid at url until expiresAt. Errors as for Reserve.
func (s *Store) RequestPayment(ctx context.Context, id uuid.UUID, paymentID, url string, expiresAt time.Time) (order.Change, error) {
	return s.moves.Do(ctx, move{
		order: id, to: order.PaymentPending, paymentID: paymentID, paymentURL: url,
		expiresAt: expiresAt.UTC().Truncate(time.Millisecond),
	})
}

// Confirm takes an order from PAYMENT_PENDING to CONFIRMED, its units from
// reserved to confirmed, and the payment from RECEIVED to APPLIED. A free order
// is confirmed without a payment, paymentID "", and from INVENTORY_RESERVED on.
// Errors as for Reserve; CodeConflict also when the payment is not this order's
// or not RECEIVED, or the order was confirmed by another one.
func (s *Store) Confirm(ctx context.Context, id uuid.UUID, paymentID string) (order.Change, error) {
	return s.moves.Do(ctx, move{order: id, to: order.Confirmed, paymentID: paymentID})
}

// Finish takes an order to FAILED, for reason, or to CANCELLED and gives its
// units back. Where nothing was reserved it leaves a tombstone, so that a
// Reserve still under way cannot succeed later. An order that has been paid does
// not fail with PAYMENT_TIMEOUT: the Change then has the payment, and nothing was
// done. Errors as for Reserve; CodeConflict also when to or reason is not allowed.
func (s *Store) Finish(ctx context.Context, id uuid.UUID, to order.Status, reason order.Reason) (order.Change, error) {
	if to != order.Failed && to != order.Cancelled {
		return order.Change{}, order.Errorf(order.CodeConflict, "An order cannot be finished as %q.", to)
	}
	return s.moves.Do(ctx, move{order: id, to: to, reason: reason})
}

// move makes a group of moves, of any orders and products, in one transaction:
// read and lock, decide in the order given, write. A move that is refused fails
// alone; an error of the database fails the group.
func (s *Store) move(ctx context.Context, moves []move) ([]batch.Result[order.Change], error) {
	results := make([]batch.Result[order.Change], len(moves))
	g := newGroup(moves)
	err := s.twoTrips(ctx, g.lock, func(last *pgx.Batch) {
		for i, m := range moves {
			results[i].Value, results[i].Err = g.make(m)
		}
		g.save(last)
	})
	if badData(err) {
		return nil, order.Wrap(err, order.CodeValidation, "The change cannot be stored.")
	}
	if err != nil {
		return nil, dbError("move orders", err)
	}
	s.count(g)
	return results, nil
}

// count tells the meter what has been committed.
func (s *Store) count(g *group) {
	for _, e := range g.events {
		s.meter.OrderMoved(e.Status)
	}
	for range g.applied {
		s.meter.PaymentMoved(order.PaymentApplied)
	}
}
