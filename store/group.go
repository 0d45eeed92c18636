package store

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"order-service/order"
)

// reservationState is what became of the units of one order.
type reservationState string

// The reservation states; none is "".
const (
	reserved  reservationState = "RESERVED"
	confirmed reservationState = "CONFIRMED"
	released  reservationState = "RELEASED"
)

// buyer is a user of one product, the owner of a sum of units.
type buyer struct{ productID, userID string }

// group is what a group of moves has locked, changed in memory as each move
// is decided. Everything in it stays locked until it is saved, so that later
// moves of the group may build on earlier ones.
type group struct {
	moves    []move
	now      time.Time
	products map[string]*order.Product
	orders   map[uuid.UUID]*entry
	payments map[string]*order.Payment
	units    map[buyer]int64 // reserved or confirmed; read only where there is a limit
	events   []order.ProgressEvent
	applied  []string // payments
}

// entry is one order with its reservation and the events it has had.
type entry struct {
	order.Order
	reservation reservationState
	history     []order.ProgressEvent
	changed     bool
}

// newGroup is the group of moves, with nothing read yet.
func newGroup(moves []move) *group {
	return &group{
		moves: moves, products: map[string]*order.Product{}, orders: make(map[uuid.UUID]*entry, len(moves)),
		payments: map[string]*order.Payment{}, units: map[buyer]int64{},
	}
}

// lock reads and locks, in the package's lock order, everything that the moves
// may touch. The statements travel together; each one's snapshot is taken when
// the locks of those before it are held.
func (g *group) lock(batch *pgx.Batch) {
	ids := make([]pgtype.UUID, len(g.moves))
	var paymentIDs []string
	var timedOut []uuid.UUID
	for i, m := range g.moves {
		ids[i] = binaryID(m.order)
		switch {
		case m.to == order.Confirmed:
			paymentIDs = append(paymentIDs, m.paymentID)
		case m.reason == order.PaymentTimeout:
			timedOut = append(timedOut, m.order)
		}
	}
	g.lockProducts(batch, ids)
	g.lockOrders(batch, ids)
	g.readHistory(batch, ids)
	g.readUnits(batch, ids)
	g.lockPayments(batch, paymentIDs, timedOut)
}

func (g *group) lockProducts(batch *pgx.Batch, ids []pgtype.UUID) {
	batch.Queue(`
		SELECT `+productColumns+` FROM products
		WHERE product_id IN (SELECT product_id FROM orders WHERE order_id = ANY ($1))
		ORDER BY product_id FOR NO KEY UPDATE`, ids).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanProduct)
		for i := range found {
			g.products[found[i].ID] = &found[i]
		}
		return err
	})
}

// lockOrders also reads the time, once the products are locked, so that the
// times of one product's moves follow each other.
func (g *group) lockOrders(batch *pgx.Batch, ids []pgtype.UUID) {
	batch.Queue(`
		SELECT date_trunc('milliseconds', clock_timestamp()), coalesce(r.state, ''), `+orderColumns+`
		FROM orders o LEFT JOIN reservations r USING (order_id)
		WHERE o.order_id = ANY ($1)
		ORDER BY o.order_id FOR NO KEY UPDATE OF o`, ids).Query(func(rows pgx.Rows) error {
		var e entry
		_, err := pgx.ForEachRow(rows, append([]any{&g.now, &e.reservation}, orderFields(&e.Order)...), func() error {
			found := e
			g.orders[e.ID] = &found
			return nil
		})
		return err
	})
}

func (g *group) readHistory(batch *pgx.Batch, ids []pgtype.UUID) {
	batch.Queue(`
		SELECT `+eventColumns+` FROM order_events e JOIN orders o USING (order_id)
		WHERE e.order_id = ANY ($1)`, ids).Query(func(rows pgx.Rows) error {
		events, err := pgx.CollectRows(rows, scanEvent)
		for _, e := range events {
			if o := g.orders[e.OrderID]; o != nil {
				o.history = append(o.history, e)
			}
		}
		return err
	})
}

// readUnits sums what the orders' users have, of the products with a limit.
func (g *group) readUnits(batch *pgx.Batch, ids []pgtype.UUID) {
	batch.Queue(`
		SELECT b.product_id, b.user_id, sum(r.quantity)::bigint
		FROM (SELECT DISTINCT product_id, user_id FROM orders WHERE order_id = ANY ($1)) b
		JOIN products p ON p.product_id = b.product_id AND p.per_user_limit > 0
		JOIN reservations r ON r.product_id = b.product_id AND r.user_id = b.user_id AND r.state <> 'RELEASED'
		GROUP BY b.product_id, b.user_id`, ids).Query(func(rows pgx.Rows) error {
		var (
			who   buyer
			units int64
		)
		_, err := pgx.ForEachRow(rows, []any{&who.productID, &who.userID, &units}, func() error {
			g.units[who] = units
			return nil
		})
		return err
	})
}

// lockPayments takes the payments with these ids, and those that have come for
// the orders whose time to pay is over, in whatever state: by that, an index would
// have all of them read. Most groups have neither, and are spared the statement.
func (g *group) lockPayments(batch *pgx.Batch, ids []string, timedOut []uuid.UUID) {
	if len(ids) == 0 && len(timedOut) == 0 {
		return
	}
	batch.Queue(`
		SELECT `+paymentColumns+` FROM payments
		WHERE payment_id = ANY ($1) OR order_id = ANY ($2)
		ORDER BY payment_id FOR NO KEY UPDATE`, ids, binaryIDs(timedOut)).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanPayment)
		for i := range found {
			g.payments[found[i].ID] = &found[i]
		}
		return err
	})
}
