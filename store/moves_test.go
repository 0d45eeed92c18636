package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"order-service/order"
)

func TestTheHappyPathIsRecordedAndMovesTheLedger(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 5)
	id := s.place(t, "user", p.ID, 2)
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	paymentID := "pay-" + id.String()

	reserve, err := s.Reserve(t.Context(), id)
	must(t, err)
	if got, want := s.ledger(t, p.ID), (order.Ledger{Total: 10, Available: 8, Reserved: 2}); got != want {
		t.Errorf("after reserve %+v, want %+v", got, want)
	}
	wantStock := order.Stock{ProductID: p.ID, Version: p.Version + 1, Available: 8, UserID: "user", UserUnits: 2, Limited: true}
	if reserve.Stock != wantStock {
		t.Errorf("stock %+v, want %+v", reserve.Stock, wantStock)
	}
	request, err := s.RequestPayment(t.Context(), id, paymentID, "https://pay.test", expires)
	must(t, err)
	s.pay(t, id, paymentID)
	confirm, err := s.Confirm(t.Context(), id, paymentID)
	must(t, err)
	if got, want := s.ledger(t, p.ID), (order.Ledger{Total: 10, Available: 8, Confirmed: 2}); got != want {
		t.Errorf("after confirm %+v, want %+v", got, want)
	}
	if paid, err := s.Payment(t.Context(), paymentID); err != nil || paid.State != order.PaymentApplied {
		t.Errorf("payment %v, %v", paid, err)
	}

	o, err := s.Order(t.Context(), id)
	must(t, err)
	if o.Status != order.Confirmed || o.Seq != 4 || o.PaymentID != paymentID || o.PaymentURL != "https://pay.test" || !o.ExpiresAt.Equal(expires) {
		t.Errorf("order %+v", o)
	}
	history, err := s.History(t.Context(), id, 0)
	must(t, err)
	want := []order.ProgressEvent{o.First(), reserve.Event, request.Event, confirm.Event}
	if fmt.Sprint(history) != fmt.Sprint(want) {
		t.Errorf("history\n%v\nwant\n%v", history, want)
	}
	if missed, err := s.History(t.Context(), id, 2); err != nil || len(missed) != 2 || missed[0].Seq != 3 {
		t.Errorf("history after 2: %v, %v", missed, err)
	}
}

func TestConcurrentReservesNeverOversell(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	var won, soldOut atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		id := s.place(t, fmt.Sprintf("user-%d", i), p.ID, 1)
		wg.Go(func() {
			_, err := s.Reserve(t.Context(), id)
			switch order.CodeOf(err) {
			case "":
				won.Add(1)
			case order.CodeSoldOut:
				soldOut.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 10 || soldOut.Load() != 40 {
		t.Errorf("%d reserved, %d sold out, want 10 and 40", won.Load(), soldOut.Load())
	}
	if got, want := s.ledger(t, p.ID), (order.Ledger{Total: 10, Reserved: 10}); got != want {
		t.Errorf("ledger %+v, want %+v", got, want)
	}
}

func TestThePurchaseLimitCountsReservedAndConfirmedUnits(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 3)
	s.advance(t, s.place(t, "user", p.ID, 1), order.Confirmed)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		id := s.place(t, "user", p.ID, 1)
		wg.Go(func() {
			if _, err := s.Reserve(t.Context(), id); err == nil {
				won.Add(1)
			} else if order.CodeOf(err) != order.CodePurchaseLimit {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 2 {
		t.Errorf("%d more units reserved, want 2", won.Load())
	}
	if _, err := s.Reserve(t.Context(), s.place(t, "other", p.ID, 3)); err != nil {
		t.Errorf("another user: %v", err)
	}
}

func TestAnOrderThatIsPaidDoesNotTimeOut(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	timeOut := func(id uuid.UUID) order.Change {
		t.Helper()
		change, err := s.Finish(t.Context(), id, order.Failed, order.PaymentTimeout)
		must(t, err)
		return change
	}
	id, other := s.at(t, p.ID, order.PaymentPending), s.at(t, p.ID, order.PaymentPending)
	s.pay(t, id, "first")
	s.pay(t, id, "second")
	before, ledger := s.count(t, `SELECT seq FROM orders WHERE order_id = $1`, id), s.ledger(t, p.ID)
	if change := timeOut(id); change.Paid.ID != "first" || change.Paid.Money != costs || change.Event.Seq != 0 {
		t.Errorf("%+v", change)
	}
	if now := s.count(t, `SELECT seq FROM orders WHERE order_id = $1`, id); now != before || s.ledger(t, p.ID) != ledger {
		t.Errorf("it was moved: seq %d, %+v", now, s.ledger(t, p.ID))
	}
	if change := timeOut(other); change.Event.Status != order.Failed || change.Paid.ID != "" {
		t.Errorf("the order that nobody paid: %+v", change)
	}
	_, err := s.Confirm(t.Context(), id, "first")
	must(t, err)
	_, err = s.Finish(t.Context(), id, order.Failed, order.PaymentTimeout)
	wantCode(t, err, order.CodeConflict)
}

func TestMoneyThatDoesNotBuyTheOrderLetsItTimeOut(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	for name, pay := range map[string]func(id uuid.UUID){
		"refunding": func(id uuid.UUID) {
			s.pay(t, id, "r")
			_, err := s.MovePayment(t.Context(), "r", []order.PaymentState{order.PaymentReceived}, order.PaymentRefunding)
			must(t, err)
		},
		"another amount": func(id uuid.UUID) {
			_, err := s.RecordPayment(t.Context(), order.Payment{ID: "a", OrderID: id, Money: odd, State: order.PaymentReceived})
			must(t, err)
		},
		"another order's": func(uuid.UUID) { s.pay(t, s.at(t, p.ID, order.PaymentPending), "o") },
	} {
		id := s.at(t, p.ID, order.PaymentPending)
		pay(id)
		change, err := s.Finish(t.Context(), id, order.Failed, order.PaymentTimeout)
		if err != nil || change.Event.Status != order.Failed {
			t.Errorf("%s: %+v, %v", name, change, err)
		}
	}
}

// The end of the window meets the payment's confirmation and its refund: the
// order is bought or the money goes back, and never both.
func TestOfTimeoutConfirmationAndRefundOneEndComesOut(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	for n := range 20 {
		id, payment := s.at(t, p.ID, order.PaymentPending), fmt.Sprint("pay-", n)
		s.pay(t, id, payment)
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				change, err := s.Finish(t.Context(), id, order.Failed, order.PaymentTimeout)
				if err != nil || change.Paid.ID == "" {
					return
				}
				_, _ = s.Confirm(t.Context(), id, change.Paid.ID)
			}
		})
		wg.Go(func() {
			_, _ = s.MovePayment(t.Context(), payment, []order.PaymentState{order.PaymentReceived}, order.PaymentRefunding)
		})
		wg.Wait()
		o, err := s.Order(t.Context(), id)
		must(t, err)
		paid, err := s.Payment(t.Context(), payment)
		must(t, err)
		bought := o.Status == order.Confirmed && paid.State == order.PaymentApplied
		if !bought && (o.FailureReason != order.PaymentTimeout || paid.State != order.PaymentRefunding) {
			t.Errorf("the order is %s, the payment %s", o.Status, paid.State)
		}
	}
}

func TestReleasedUnitsAreAvailableAgain(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 1, 1)
	first := s.at(t, p.ID, order.PaymentPending)
	second := s.place(t, "second", p.ID, 1)
	_, err := s.Reserve(t.Context(), second)
	wantCode(t, err, order.CodeSoldOut)
	change, err := s.Finish(t.Context(), first, order.Failed, order.PaymentTimeout)
	must(t, err)
	if change.Stock.Available != 1 || change.Stock.UserUnits != 0 || change.Event.Reason != order.PaymentTimeout {
		t.Errorf("change %+v", change)
	}
	_, err = s.Reserve(t.Context(), second)
	must(t, err)
}

func TestATombstoneStopsALaterReserve(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5, 0)
	id := s.place(t, "user", p.ID, 1)
	_, err := s.Finish(t.Context(), id, order.Cancelled, "")
	must(t, err)
	_, err = s.Reserve(t.Context(), id)
	wantCode(t, err, order.CodeConflict)
	if n := s.count(t, `SELECT count(*) FROM reservations WHERE order_id = $1 AND state = 'RELEASED'`, id); n != 1 {
		t.Error("there is no tombstone")
	}
	if got, want := s.ledger(t, p.ID), (order.Ledger{Total: 5, Available: 5}); got != want {
		t.Errorf("ledger %+v, want %+v", got, want)
	}
}

func TestAnOrderOfAnUnknownProductIsSoldOutAndCanEnd(t *testing.T) {
	s := newShop(t)
	id := s.place(t, "user", "no-such-product", 1)
	_, err := s.Reserve(t.Context(), id)
	wantCode(t, err, order.CodeSoldOut)
	change, err := s.Finish(t.Context(), id, order.Failed, order.OutOfStock)
	must(t, err)
	if change.Stock != (order.Stock{ProductID: "no-such-product", UserID: "user"}) {
		t.Errorf("stock %+v", change.Stock)
	}
	_, err = s.Reserve(t.Context(), newID())
	wantCode(t, err, order.CodeOrderNotFound)
}

func TestARepeatedMoveReturnsTheFirstEventAndChangesNothing(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	confirmed := s.place(t, "user", p.ID, 1)
	failed := s.place(t, "user", p.ID, 1)
	expires := time.Now().Add(time.Hour)
	s.pay(t, confirmed, "pay-1")
	steps := []func() (order.Change, error){
		func() (order.Change, error) { return s.Reserve(t.Context(), confirmed) },
		func() (order.Change, error) {
			return s.RequestPayment(t.Context(), confirmed, "pay-1", "https://pay.test", expires)
		},
		func() (order.Change, error) { return s.Confirm(t.Context(), confirmed, "pay-1") },
		func() (order.Change, error) {
			return s.Finish(t.Context(), failed, order.Failed, order.PaymentUnavailable)
		},
	}
	for i, step := range steps {
		first, err := step()
		must(t, err)
		again, err := step()
		must(t, err)
		if first != again {
			t.Errorf("step %d: first %+v, then %+v", i, first, again)
		}
	}
	again, err := s.Finish(t.Context(), failed, order.Failed, order.OutOfStock)
	if err != nil || again.Event.Reason != order.PaymentUnavailable {
		t.Errorf("failing again for another reason: %+v, %v", again, err)
	}
}

func TestAStepRepeatedLaterOnTheHappyPathReturnsItsEventAndTodaysStock(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	id := s.place(t, "user", p.ID, 1)
	first, err := s.Reserve(t.Context(), id)
	must(t, err)
	s.at(t, p.ID, order.InventoryReserved) // another order moves the stock
	_, err = s.RequestPayment(t.Context(), id, "pay", "https://pay.test", time.Now())
	must(t, err)
	again, err := s.Reserve(t.Context(), id)
	must(t, err)
	if again.Event != first.Event || again.Stock.Available != 8 || again.Stock.Version <= first.Stock.Version {
		t.Errorf("first %+v, again %+v", first, again)
	}
}

// Every pair of a present status and a move is tried: the legal ones must
// succeed, a repetition must return, all others must be refused and leave the
// order and the ledger as they were.
func TestEveryIllegalMoveIsRefused(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 1000, 0)
	moves := map[string]struct {
		to     order.Status
		reason order.Reason
		make   func(uuid.UUID) error
	}{}
	add := func(to order.Status, reason order.Reason, make func(uuid.UUID) error) {
		moves[string(to)+string(reason)] = struct {
			to     order.Status
			reason order.Reason
			make   func(uuid.UUID) error
		}{to, reason, make}
	}
	add(order.InventoryReserved, "", func(id uuid.UUID) error { _, err := s.Reserve(t.Context(), id); return err })
	add(order.PaymentPending, "", func(id uuid.UUID) error {
		_, err := s.RequestPayment(t.Context(), id, "pay-"+id.String(), "https://pay.test", time.Now())
		return err
	})
	add(order.Confirmed, "", func(id uuid.UUID) error {
		s.pay(t, id, "pay-"+id.String())
		_, err := s.Confirm(t.Context(), id, "pay-"+id.String())
		return err
	})
	for _, reason := range []order.Reason{order.OutOfStock, order.PurchaseLimit, order.PaymentUnavailable, order.PaymentTimeout, order.PaymentDeclined, ""} {
		add(order.Failed, reason, func(id uuid.UUID) error { _, err := s.Finish(t.Context(), id, order.Failed, reason); return err })
	}
	add(order.Cancelled, "", func(id uuid.UUID) error { _, err := s.Finish(t.Context(), id, order.Cancelled, ""); return err })

	for _, from := range order.Statuses() {
		for name, m := range moves {
			id := s.at(t, p.ID, from)
			before, err := s.Order(t.Context(), id)
			must(t, err)
			ledger := s.ledger(t, p.ID)
			err = m.make(id)
			after, readErr := s.Order(t.Context(), id)
			must(t, readErr)

			// on the way to its end, an order has made the earlier steps already
			repeated := from == m.to || !from.Final() && from == order.PaymentPending && m.to == order.InventoryReserved
			legal := before.MayBecome(m.to) && (m.to != order.Failed || m.reason.Allows(from))
			switch {
			case legal && (err != nil || after.Status != m.to || after.Seq != before.Seq+1):
				t.Errorf("%s → %s was refused: %v", from, name, err)
			case repeated && (err != nil || after != before):
				t.Errorf("%s repeated as %s: %v", from, name, err)
			case !legal && !repeated && order.CodeOf(err) != order.CodeConflict:
				t.Errorf("%s → %s: %v, want a conflict", from, name, err)
			case !legal && (after != before || s.ledger(t, p.ID) != ledger):
				t.Errorf("%s → %s was refused and changed the order", from, name)
			}
		}
	}
	_, err := s.Finish(t.Context(), s.at(t, p.ID, order.Pending), order.Confirmed, "")
	wantCode(t, err, order.CodeConflict)
}

func TestOnlyOneOfConfirmAndCancelWins(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	for range 10 {
		id := s.at(t, p.ID, order.PaymentPending)
		paymentID := "pay-" + id.String()
		s.pay(t, id, paymentID)
		var wg sync.WaitGroup
		var won atomic.Int64
		try := func(_ order.Change, err error) {
			if err == nil {
				won.Add(1)
			} else if order.CodeOf(err) != order.CodeConflict {
				t.Error(err)
			}
		}
		wg.Go(func() { try(s.Confirm(t.Context(), id, paymentID)) })
		wg.Go(func() { try(s.Finish(t.Context(), id, order.Cancelled, "")) })
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d of confirm and cancel won", won.Load())
		}
	}
}

// One value that the database refuses, when the group is read or when it is
// written, ends its transaction and nothing else.
func TestABadMoveFailsAloneAndItsConnectionIsUsedAgain(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	var moves sync.WaitGroup
	for range 10 {
		good, read, written := s.at(t, p.ID, order.Pending), s.at(t, p.ID, order.PaymentPending), s.at(t, p.ID, order.InventoryReserved)
		moves.Go(func() {
			if _, err := s.Reserve(t.Context(), good); err != nil {
				t.Error(err)
			}
		})
		moves.Go(func() {
			if _, err := s.Confirm(t.Context(), read, "\x00"); order.CodeOf(err) != order.CodeValidation {
				t.Error(err)
			}
		})
		moves.Go(func() {
			_, err := s.RequestPayment(t.Context(), written, "pay", "\x00", time.Now().Add(time.Hour))
			if order.CodeOf(err) != order.CodeValidation {
				t.Error(err)
			}
		})
	}
	moves.Wait()
	s.EachPool(func(name string, pool *pgxpool.Pool) {
		if made := pool.Stat().NewConnsCount(); name == "ledger" && made > 2 {
			t.Errorf("%d connections were made for two movers", made)
		}
	})
}
