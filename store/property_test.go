package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"order-service/order"
)

// Any moves, in any order, several at a time, on one product and by few users,
// keep the books: the audit finds nothing, and no limit is passed.
func TestAnyMovesKeepTheBooks(t *testing.T) {
	s := newShop(t)
	const limit = 4
	rapid.Check(t, func(t *rapid.T) {
		p := s.put(t, rapid.Int64Range(0, 12).Draw(t, "stock"), limit)
		ids := make([]uuid.UUID, rapid.IntRange(1, 6).Draw(t, "orders"))
		for i := range ids {
			user := rapid.SampledFrom([]string{"alice", "bob"}).Draw(t, "user")
			price := rapid.SampledFrom([]int64{1999, 1999, 0}).Draw(t, "price")
			ids[i] = s.placeAt(t, price, user, p.ID, rapid.IntRange(1, 3).Draw(t, "quantity"))
		}
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			var wg sync.WaitGroup
			for range rapid.IntRange(1, 6).Draw(t, "moves at once") {
				id := rapid.SampledFrom(ids).Draw(t, "order")
				kind := rapid.SampledFrom(moveKinds).Draw(t, "move")
				wg.Go(func() { s.try(t, id, kind) })
			}
			wg.Wait()
		}
		s.wantBalanced(t, p.ID, limit)
	})
}

var moveKinds = []string{
	"reserve", "reserve", "request", "request", "confirm", "confirm", "give away", "pay", "pay wrong", "decline", "fail", "time out", "cancel",
	"restock",
}

func (s *shop) try(t *rapid.T, id uuid.UUID, kind string) {
	ctx := context.Background()
	var err error
	switch kind {
	case "reserve":
		_, err = s.Reserve(ctx, id)
	case "request":
		_, err = s.RequestPayment(ctx, id, "pay-"+id.String(), "https://pay.test", time.Now())
	case "confirm":
		s.pay(t, id, "pay-"+id.String())
		_, err = s.Confirm(ctx, id, "pay-"+id.String())
	case "give away":
		_, err = s.Confirm(ctx, id, "")
	case "pay":
		s.pay(t, id, "pay-"+id.String())
	case "pay wrong":
		_, err = s.RecordPayment(ctx, order.Payment{ID: "pay-" + id.String(), OrderID: id, Money: odd, State: order.PaymentMismatch})
	case "decline":
		_, err = s.RecordPayment(ctx, order.Payment{ID: "pay-" + id.String(), OrderID: id, Money: costs, State: order.PaymentRefused})
	case "fail":
		_, err = s.Finish(ctx, id, order.Failed, order.OutOfStock)
	case "time out":
		_, err = s.Finish(ctx, id, order.Failed, order.PaymentTimeout)
	case "cancel":
		_, err = s.Finish(ctx, id, order.Cancelled, "")
	case "restock":
		o, readErr := s.Order(ctx, id)
		must(t, readErr)
		_, err = s.Restock(ctx, o.ProductID, 1, "")
	}
	switch order.CodeOf(err) {
	case "", order.CodeConflict, order.CodeSoldOut, order.CodePurchaseLimit:
	default:
		t.Errorf("%s %s: %v", kind, id, err)
	}
}

func (s *shop) wantBalanced(t *rapid.T, productID string, limit int) {
	l := s.ledger(t, productID)
	if l.Total != l.Available+l.Reserved+l.Confirmed || l.Available < 0 || l.Reserved < 0 || l.Confirmed < 0 {
		t.Fatalf("ledger %+v", l)
	}
	a, err := s.Audit(context.Background(), time.Hour, time.Hour)
	must(t, err)
	if len(a.Findings) != 0 {
		t.Fatalf("findings: %v", a.Findings)
	}
	if over := s.count(t, `
		SELECT count(*) FROM (SELECT user_id FROM reservations WHERE product_id = $1 AND state <> 'RELEASED'
			GROUP BY user_id HAVING sum(quantity) > $2) o`, productID, limit); over != 0 {
		t.Fatalf("%d users are over the limit", over)
	}
}
