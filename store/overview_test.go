package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"regexp"
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
	"order-service/store/storetest"
)

func overview(t *testing.T, s *shop) order.Overview {
	t.Helper()
	v, err := s.Overview(t.Context())
	must(t, err)
	return v
}

// placedAt makes the id of an order placed at that time.
func placedAt(at time.Time) uuid.UUID {
	id := newID()
	var milliseconds [8]byte
	binary.BigEndian.PutUint64(milliseconds[:], uint64(at.UnixMilli()))
	copy(id[:6], milliseconds[2:])
	return id
}

func TestOverviewOfAnEmptyShopIsAllZero(t *testing.T) {
	v := overview(t, newShop(t))
	if len(v.ByStatus) != 6 || v.ByStatus[order.Pending] != 0 || v.PlacedPerSecond != 0 || v.OldestPending != 0 ||
		v.OutboxRows != 0 || v.OutboxAge != 0 || v.Awaited != 0 || v.AwaitedMoney != nil || len(v.Payments) != 3 || v.RefundingFor != 0 {
		t.Errorf("%+v", v)
	}
}

func TestOverviewCountsTheOrdersOfTheLastHour(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	begun := time.Now()
	for status, n := range map[order.Status]int{
		order.Pending: 2, order.InventoryReserved: 1, order.PaymentPending: 3, order.Confirmed: 1, order.Failed: 2, order.Cancelled: 1,
	} {
		for range n {
			s.at(t, p.ID, status)
		}
	}
	old := intent("ann", p.ID, "")
	old.ID, old.CreatedAt = placedAt(time.Now().Add(-2*time.Hour)), time.Now().Add(-2*time.Hour)
	_, err := s.intake.Insert(t.Context(), old)
	must(t, err)

	v := overview(t, s)
	want := map[order.Status]int64{
		order.Pending: 2, order.InventoryReserved: 1, order.PaymentPending: 3, order.Confirmed: 1, order.Failed: 2, order.Cancelled: 1,
	}
	for status, n := range want {
		if v.ByStatus[status] != n {
			t.Errorf("%s: %d, want %d", status, v.ByStatus[status], n)
		}
	}
	// Ten in five seconds, unless it takes longer to place them.
	if v.PlacedPerSecond > 2 || v.PlacedPerSecond < 2 && time.Since(begun) < 5*time.Second {
		t.Errorf("%v orders per second", v.PlacedPerSecond)
	}
	if v.OldestPending < 2*time.Hour || v.OldestPending > 3*time.Hour {
		t.Errorf("the order of two hours ago is PENDING for %v", v.OldestPending)
	}
	if v.ReservedFor <= 0 || v.ReservedFor > time.Since(begun)+time.Second {
		t.Errorf("an order has had its units for %v, after %v", v.ReservedFor, time.Since(begun))
	}
	if v.Awaited != 3 || !slices.Equal(v.AwaitedMoney, []order.Money{{Amount: 3 * 1999, Currency: "EUR"}}) {
		t.Errorf("%d orders wait for %v", v.Awaited, v.AwaitedMoney)
	}
}

// A sale of millions is told by its newest orders: to count them all takes longer
// than anybody waits for it.
func TestOverviewCountsTheNewestOrdersOnly(t *testing.T) {
	s := newShop(t)
	first, now := placedAt(time.Now().Add(-time.Minute)), placedAt(time.Now().Add(time.Minute))
	for n, id := range []uuid.UUID{first, now} {
		s.exec(t, `
			INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, status, seq, created_at, updated_at)
			VALUES ($1, 'u', 'p', 1, 1, 1, 'EUR', $2, 4, now(), now())`, id, []string{"CANCELLED", "CONFIRMED"}[n])
	}
	for limit, want := range map[int]int{1: 1, 2: 2} {
		rows, err := s.db.Query(t.Context(), store.OrdersByStatus, first, now, limit)
		must(t, err)
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (status string, err error) {
			return status, row.Scan(&status, nil, nil)
		})
		must(t, err)
		if len(found) != want || !slices.Contains(found, "CONFIRMED") {
			t.Errorf("of the newest %d: %q", limit, found)
		}
	}
}

func TestOverviewShowsWhatIsStuck(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	id := s.at(t, p.ID, order.PaymentPending)
	for payment, state := range map[string]order.PaymentState{
		"m": order.PaymentMismatch, "n": order.PaymentMismatch, "r": order.PaymentReceived, "w": order.PaymentReceived,
	} {
		_, err := s.RecordPayment(t.Context(), order.Payment{ID: payment, OrderID: id, Money: order.Money{Amount: 1, Currency: "EUR"}, State: state})
		must(t, err)
	}
	_, err := s.MovePayment(t.Context(), "r", []order.PaymentState{order.PaymentReceived}, order.PaymentRefunding)
	must(t, err)
	s.exec(t, `UPDATE payments SET updated_at = now() - interval '2 days' WHERE payment_id IN ('n', 'r')`)
	s.exec(t, `UPDATE payments SET updated_at = now() - interval '5 minutes' WHERE payment_id = 'w'`)
	s.exec(t, `UPDATE payments SET received_at = now() - interval '2 days' WHERE payment_id = 'n'`)
	s.exec(t, `UPDATE payment_mismatches SET reported_at = now() - interval '2 days' WHERE payment_id = 'n'`)
	s.exec(t, `UPDATE outbox SET created_at = now() - interval '1 minute'`)
	s.exec(t, `UPDATE orders SET expires_at = now() - interval '3 minutes'`)

	v := overview(t, s)
	if v.OutboxRows != 1 || v.OutboxAge < time.Minute {
		t.Errorf("%d rows in the outbox, the oldest for %v", v.OutboxRows, v.OutboxAge)
	}
	if v.Payments[order.PaymentRefunding] != 1 || v.RefundingFor < 48*time.Hour {
		t.Errorf("payments %v, refunding for %v", v.Payments, v.RefundingFor)
	}
	if v.Payments[order.PaymentReceived] != 1 || v.ReceivedFor < 5*time.Minute || v.ReceivedFor > 6*time.Minute {
		t.Errorf("payments %v, received for %v", v.Payments, v.ReceivedFor)
	}
	if v.OverdueFor < 3*time.Minute || v.OverdueFor > 4*time.Minute {
		t.Errorf("the order is overdue for %v", v.OverdueFor)
	}
	if v.Payments[order.PaymentMismatch] != 1 {
		t.Errorf("%d mismatches of the last day, want one", v.Payments[order.PaymentMismatch])
	}
}

func TestOverviewShowsTheProductsThatSell(t *testing.T) {
	s := newShop(t)
	for range 51 {
		s.put(t, 5, 0)
	}
	p := s.put(t, 5, 0) // the last of the ids
	s.at(t, p.ID, order.Confirmed)
	v := overview(t, s)
	if len(v.Products) != 50 || v.Products[49].ID != p.ID || v.Products[49].Ledger != (order.Ledger{Total: 5, Available: 4, Confirmed: 1}) {
		t.Errorf("%d products, the last %+v", len(v.Products), v.Products[len(v.Products)-1])
	}
}

// The plans are those of a shop with many finished orders, which no statement
// of the overview may read.
func TestOverviewReadsNoFinishedOrders(t *testing.T) {
	s := newShop(t)
	s.exec(t, `
		INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, status, seq, created_at, updated_at)
		SELECT ('017f22e2-79b0-7cc3-98c4-' || lpad(to_hex(n), 12, '0'))::uuid, 'u', 'p', 1, 1, 1, 'EUR', 'CONFIRMED', 4, now(), now()
		FROM generate_series(1, 20000) n`)
	s.exec(t, `
		INSERT INTO payments (payment_id, order_id, amount, currency, state, received_at)
		SELECT 'pay-' || order_id, order_id, 1, 'EUR', 'APPLIED', now() FROM orders`)
	s.exec(t, `ANALYZE orders, payments`)
	now := placedAt(time.Now())
	for name, rows := range map[string]func() (pgx.Rows, error){
		"by status": func() (pgx.Rows, error) {
			return s.db.Query(t.Context(), "EXPLAIN "+store.OrdersByStatus, now, now, 100)
		},
		"open":     func() (pgx.Rows, error) { return s.db.Query(t.Context(), "EXPLAIN "+store.OpenOrders) },
		"payments": func() (pgx.Rows, error) { return s.db.Query(t.Context(), "EXPLAIN "+store.Unsettled) },
	} {
		explained, err := rows()
		must(t, err)
		plan, err := pgx.CollectRows(explained, pgx.RowTo[string])
		must(t, err)
		text := strings.Join(plan, "\n")
		if strings.Contains(strings.ReplaceAll(text, "Seq Scan on products", ""), "Seq Scan") { // those are all wanted
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// With all workers away, millions may be PENDING, and for how long is what an alert
// is about: to read them all would take longer than a reading may.
func TestOverviewReadsFewOfTheOrdersThatWaitForAWorker(t *testing.T) {
	s := newShop(t)
	for range 3 {
		p := s.put(t, 20000, 0)
		s.exec(t, `
			INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, created_at, updated_at)
			SELECT gen_random_uuid(), 'u', $1, 1, 1, 1, 'EUR', now() - interval '1 hour', now() FROM generate_series(1, 5000) n`, p.ID)
		s.at(t, p.ID, order.PaymentPending)
	}
	s.exec(t, `ANALYZE orders`)
	explained, err := s.db.Query(t.Context(), "EXPLAIN ANALYZE "+store.OpenOrders)
	must(t, err)
	plan, err := pgx.CollectRows(explained, pgx.RowTo[string])
	must(t, err)
	text := strings.Join(plan, "\n")
	for _, step := range actualRows.FindAllStringSubmatch(text, -1) {
		if rows, _ := strconv.Atoi(step[1]); rows > 10 {
			t.Fatal(text)
		}
	}
	v := overview(t, s)
	if v.Awaited != 3 || v.OldestPending < time.Hour || v.OldestPending > 2*time.Hour {
		t.Errorf("%d orders wait for their payment, the oldest for a worker for %v", v.Awaited, v.OldestPending)
	}
	if v.ReservedFor != 0 {
		t.Errorf("an order has had its units for %v; want none that has", v.ReservedFor)
	}
}

// actualRows matches how many rows a step of a plan has made.
var actualRows = regexp.MustCompile(`actual time=\S+ rows=(\d+)`)

// tally is a meter that remembers.
type tally struct {
	mu     sync.Mutex
	events []string
}

func (m *tally) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, fmt.Sprintf(format, args...))
}

func (m *tally) OrderMoved(to order.Status)           { m.note("order %s", to) }
func (m *tally) PaymentMoved(to order.PaymentState)   { m.note("payment %s", to) }
func (m *tally) MoveBatch(moves int, _ time.Duration) {}

func TestMeterIsToldWhatWasCommittedOnce(t *testing.T) {
	t.Parallel()
	var m tally
	url := storetest.URL(t)
	storetest.Open(t, url) // migrates
	db, err := store.Open(t.Context(), store.Config{URL: url, Meter: &m})
	must(t, err)
	t.Cleanup(db.Close)
	s := &shop{Store: db, intake: startIntake(t, db, store.IntakeConfig{})}
	p := s.put(t, 5, 0)
	id := s.place(t, "ann", p.ID, 1)
	_, err = s.Reserve(t.Context(), id)
	must(t, err)
	_, err = s.Reserve(t.Context(), id) // a repetition is not told
	must(t, err)
	_, err = s.RequestPayment(t.Context(), id, "pay", "https://pay.test", time.Now().Add(time.Hour))
	must(t, err)
	s.pay(t, id, "pay")
	_, err = s.Confirm(context.Background(), id, "pay")
	must(t, err)
	_, err = s.Finish(t.Context(), id, order.Cancelled, "") // refused
	wantCode(t, err, order.CodeConflict)

	m.mu.Lock()
	defer m.mu.Unlock()
	want := []string{
		"order INVENTORY_RESERVED", "order PAYMENT_PENDING", "payment RECEIVED", "order CONFIRMED", "payment APPLIED",
	}
	if !slices.Equal(m.events, want) {
		t.Errorf("told %q", m.events)
	}
}

func TestPoolCountsItsConnections(t *testing.T) {
	s := newShop(t)
	must(t, s.Ping(t.Context()))
	if p := s.Pool(); p.Open < 1 || p.Max < p.Open || p.InUse > p.Open {
		t.Errorf("%+v", p)
	}
}
