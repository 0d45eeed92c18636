package store_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"order-service/order"
	"order-service/store"
)

func TestRecentOrdersAreTheOpenOnesAndThoseChangedSince(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	oldOpen, oldDone, newDone := s.place(t, "user", p.ID, 1), s.place(t, "user", p.ID, 1), s.place(t, "user", p.ID, 1)
	for _, id := range []uuid.UUID{oldDone, newDone} {
		_, err := s.Finish(t.Context(), id, order.Cancelled, "")
		must(t, err)
	}
	s.exec(t, `UPDATE orders SET updated_at = now() - interval '1 hour' WHERE order_id = ANY ($1)`, []uuid.UUID{oldOpen, oldDone})
	got, err := s.Recent(t.Context(), "user", time.Now().Add(-15*time.Minute), 10)
	must(t, err)
	wantOrders(t, got, newDone, oldOpen)
}

// One account with a long history must not keep the connections of all busy.
func TestARequestLooksThroughABoundedPartOfAHistory(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	failed := s.at(t, p.ID, order.Failed)
	s.exec(t, `UPDATE orders SET user_id = 'bot', updated_at = now() - interval '1 hour'`)
	s.exec(t, `
		INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, status, seq, created_at, updated_at)
		SELECT ('fffffff0-79b0-7cc3-98c4-' || lpad(to_hex(n), 12, '0'))::uuid, 'bot', $1, 1, 1, 1, 'EUR', 'CANCELLED', 2, now() - interval '1 hour', now() - interval '1 hour'
		FROM generate_series(1, 2500) n`, p.ID)
	s.exec(t, `ANALYZE orders`)

	var found []order.Order
	pages := 0
	for before := uuid.Nil; ; pages++ {
		orders, next, err := s.List(t.Context(), "bot", order.Failed, before, 10)
		must(t, err)
		found, before = append(found, orders...), next
		if next == uuid.Nil {
			break
		}
	}
	wantOrders(t, found, failed)
	if pages != 2 {
		t.Errorf("%d pages before the last; want one for each %d orders", pages, store.LookThrough)
	}

	recent, err := s.Recent(t.Context(), "bot", time.Now().Add(-time.Minute), 10)
	must(t, err)
	wantOrders(t, recent) // behind so many, none is watched
	explained, err := s.db.Query(t.Context(), "EXPLAIN ANALYZE "+store.RecentOrders,
		[]string{"bot"}, []time.Time{time.Now()}, []int64{10}, store.LookThrough)
	must(t, err)
	plan, err := pgx.CollectRows(explained, pgx.RowTo[string])
	must(t, err)
	text := strings.Join(plan, "\n")
	for _, step := range actualRows.FindAllStringSubmatch(text, -1) {
		if rows, _ := strconv.Atoi(step[1]); rows > store.LookThrough {
			t.Fatal(text)
		}
	}
}

func TestReadsThatShareAStatementEachGetTheirOrder(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	var reading sync.WaitGroup
	for n := range 50 {
		id, unknown := s.place(t, "user", p.ID, 1+n%3), n%5 == 0
		if unknown {
			id = newID()
		}
		reading.Go(func() {
			o, err := s.Order(t.Context(), id)
			switch {
			case unknown && order.CodeOf(err) != order.CodeOrderNotFound:
				t.Errorf("an unknown order: %v, %v", o, err)
			case !unknown && (err != nil || o.ID != id || o.Quantity != 1+n%3):
				t.Errorf("order %s of %d units: %v, %v", id, 1+n%3, o, err)
			}
		})
	}
	reading.Wait()
}

func TestStreamsThatShareAStatementEachGetTheirOrders(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 1000, 0)
	var reading sync.WaitGroup
	for n := range 100 {
		user, limit := fmt.Sprint("user-", n), 1+n%3
		var own []uuid.UUID
		for range n % 5 {
			own = append(own, s.place(t, user, p.ID, 1))
		}
		slices.Reverse(own)
		reading.Go(func() {
			got, err := s.Recent(t.Context(), user, time.Now().Add(-time.Minute), limit)
			must(t, err)
			wantOrders(t, got, own[:min(limit, len(own))]...)
		})
	}
	reading.Wait()
}

func TestOpenOrdersComePageByPageEachOnce(t *testing.T) {
	s := newShop(t)
	want := map[uuid.UUID]bool{}
	for range 3 {
		p := s.put(t, 100, 0)
		for _, status := range order.Statuses() {
			for range 2 {
				if id := s.at(t, p.ID, status); !status.Final() {
					want[id] = true
				}
			}
		}
	}
	young := s.at(t, s.put(t, 1, 0).ID, order.PaymentPending)
	s.exec(t, `UPDATE orders SET updated_at = now() - interval '1 hour' WHERE order_id <> $1`, young)
	var after order.Order
	for len(want) > 0 {
		page, err := s.OpenOrders(t.Context(), time.Minute, time.Now(), after, 5)
		must(t, err)
		for _, after = range page {
			if !want[after.ID] {
				t.Fatalf("order %s, %s, is not to be expected", after.ID, after.Status)
			}
			delete(want, after.ID)
		}
		if len(page) < 5 && len(want) > 0 {
			t.Fatalf("%d orders never came", len(want))
		}
	}
	if page, err := s.OpenOrders(t.Context(), time.Minute, time.Now(), after, 5); err != nil || len(page) != 0 {
		t.Errorf("behind the last: %+v, %v", page, err)
	}
	if page, err := s.OpenOrders(t.Context(), time.Minute, time.Now().Add(-time.Hour), order.Order{}, 5); err != nil || len(page) != 0 {
		t.Errorf("placed an hour ago: %+v, %v", page, err)
	}
}

// The open orders are the newest ones of many, and what is left of payments is a
// share of the applied ones. A walk by the primary key, which is what a page in
// its order asks for, would begin with all that is long finished.
func TestWhatIsLeftIsFoundWithoutWalkingThroughWhatIsFinished(t *testing.T) {
	s := newShop(t)
	s.exec(t, `
		INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, status, seq, created_at, updated_at)
		SELECT ('017f22e2-79b0-7cc3-98c4-' || lpad(to_hex(n), 12, '0'))::uuid, 'u', 'p', 1, 1, 1, 'EUR',
			CASE WHEN n <= 50000 THEN 'CONFIRMED' ELSE 'PAYMENT_PENDING' END, 3, now() - interval '1 hour', now() - interval '1 hour'
		FROM generate_series(1, 65000) n`)
	s.exec(t, `
		INSERT INTO payments (payment_id, order_id, amount, currency, state, received_at, updated_at)
		SELECT 'pay-' || order_id, order_id, 1, 'EUR', CASE status WHEN 'CONFIRMED' THEN 'APPLIED' ELSE 'RECEIVED' END, now(), updated_at
		FROM orders`)
	s.exec(t, `ANALYZE orders, payments`)
	for _, from := range []int{0, 55_000} {
		id := uuid.MustParse("017f22e2-79b0-7cc3-98c4-000000000000")
		binary.BigEndian.PutUint32(id[12:], uint32(from))
		for name, explain := range map[string]func() (pgx.Rows, error){
			"orders": func() (pgx.Rows, error) {
				return s.db.Query(t.Context(), "EXPLAIN "+store.LeftOrders, time.Minute, "p", "PAYMENT_PENDING", id, time.Now(), 500)
			},
			"payments": func() (pgx.Rows, error) {
				return s.db.Query(t.Context(), "EXPLAIN "+store.LeftPayments, time.Minute, "pay-"+id.String(), 500)
			},
		} {
			rows, err := explain()
			must(t, err)
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			must(t, err)
			if text := strings.Join(plan, "\n"); strings.Contains(text, "_pkey") || strings.Contains(text, "Seq Scan") {
				t.Errorf("%s from %d on:\n%s", name, from, text)
			}
		}
	}
}

func wantOrders(t *testing.T, got []order.Order, want ...uuid.UUID) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d orders, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].ID != want[i] {
			t.Errorf("order %d is %s, want %s", i, got[i].ID, want[i])
		}
	}
}
