package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"order-service/batch"
	"order-service/order"
)

// orderColumns is what scanOrder reads, of the table orders under the name o.
const orderColumns = `o.order_id, o.user_id, o.product_id, o.quantity, o.unit_price, o.amount, o.currency,
	o.status, o.seq, o.payment_id, o.payment_url, o.failure_reason, o.expires_at, o.created_at, o.updated_at, o.traceparent`

func orderFields(o *order.Order) []any {
	return []any{
		&o.ID, &o.UserID, &o.ProductID, &o.Quantity, &o.UnitPrice, &o.Amount, &o.Currency,
		&o.Status, &o.Seq, &o.PaymentID, &o.PaymentURL, &o.FailureReason,
		(*zeronull.Timestamptz)(&o.ExpiresAt), &o.CreatedAt, &o.UpdatedAt, (*zeronull.Text)(&o.Traceparent),
	}
}

func scanOrder(row pgx.CollectableRow) (o order.Order, err error) {
	err = row.Scan(orderFields(&o)...)
	return o, err
}

func orderNotFound(id uuid.UUID) error {
	return order.Errorf(order.CodeOrderNotFound, "There is no order %s.", id)
}

// Order returns the order with this id as it is now or later. Codes:
// CodeOrderNotFound, CodeOverloaded, CodeUnavailable.
func (s *Store) Order(ctx context.Context, id uuid.UUID) (order.Order, error) {
	o, err := s.reads.Do(ctx, id)
	return o, dbError("read order", err)
}

// read answers concurrent reads of single orders with one statement, so that a
// storm of polls costs Postgres little and takes few of its connections.
func (s *Store) read(ctx context.Context, ids []uuid.UUID) []batch.Result[order.Order] {
	results := make([]batch.Result[order.Order], len(ids))
	found, err := s.ordersByID(ctx, ids)
	for i, id := range ids {
		o, ok := found[id]
		switch {
		case err != nil:
			results[i].Err = err
		case ok:
			results[i].Value = o
		default:
			results[i].Err = orderNotFound(id)
		}
	}
	return results
}

func (s *Store) ordersByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]order.Order, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+orderColumns+` FROM orders o WHERE order_id = ANY ($1)`, binaryIDs(ids))
	found := make(map[uuid.UUID]order.Order, len(ids))
	var o order.Order
	_, err := pgx.ForEachRow(rows, orderFields(&o), func() error {
		found[o.ID] = o
		return nil
	})
	return found, err
}

// binaryIDs are ids in the type that pgx sends and reads without a detour over
// their text.
func binaryIDs(ids []uuid.UUID) []pgtype.UUID {
	binary := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		binary[i] = binaryID(id)
	}
	return binary
}

func binaryID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// lookThrough is how many of a buyer's orders one request looks through at most.
// An index by status would cost every order that is taken, and without a limit one
// account with a hundred thousand would keep the connections of all busy.
const lookThrough = 1000

// List returns at most limit of userID's orders, newest first: those in status
// ("" for all) that are older than the order before (zero for the newest). The
// next page begins before next; zero: there is none.
func (s *Store) List(ctx context.Context, userID string, status order.Status, before uuid.UUID, limit int) (orders []order.Order, next uuid.UUID, err error) {
	if before == uuid.Nil {
		before = uuid.Max
	}
	if status != "" {
		if next, err = s.farthest(ctx, userID, before); err != nil {
			return nil, uuid.Nil, dbError("list orders", err)
		}
	}
	rows, _ := s.pool.Query(ctx, listed, userID, string(status), before, next, limit+1)
	if orders, err = pgx.CollectRows(rows, scanOrder); err != nil {
		return nil, uuid.Nil, dbError("list orders", err)
	}
	if len(orders) > limit {
		orders, next = orders[:limit], orders[limit-1].ID
	}
	return orders, next, nil
}

const listed = `
	SELECT ` + orderColumns + ` FROM orders o
	WHERE user_id = $1 AND ($2 = '' OR status = $2) AND order_id < $3 AND order_id >= $4
	ORDER BY order_id DESC LIMIT $5`

// farthest is the oldest of userID's orders that a page looks at; zero: all of them.
// It is read before the page, so that an order placed in between is in that page.
func (s *Store) farthest(ctx context.Context, userID string, before uuid.UUID) (id uuid.UUID, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT order_id FROM orders WHERE user_id = $1 AND order_id < $2
		ORDER BY order_id DESC OFFSET $3 LIMIT 1`, userID, before, lookThrough-1).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, nil
	}
	return id, err
}

// leftOrders goes in the order of the index of open orders, of which a page reads
// its own part. By id alone the primary key would be walked from the first order
// ever placed, and open ones are the newest.
const leftOrders = `
	SELECT ` + orderColumns + ` FROM orders o
	WHERE status IN ('PENDING', 'INVENTORY_RESERVED', 'PAYMENT_PENDING') AND updated_at <= now() - $1::interval
		AND (product_id, status, order_id) > ($2, $3, $4) AND created_at <= $5
	ORDER BY product_id, status, order_id LIMIT $6`

// OpenOrders returns up to limit orders that are not final, were placed until then
// and have not changed for age or longer, from behind the order after (zero: from
// the first) in an order of its own. One that changes between two pages may be
// passed over.
func (s *Store) OpenOrders(ctx context.Context, age time.Duration, until time.Time, after order.Order, limit int) ([]order.Order, error) {
	rows, _ := s.pool.Query(ctx, leftOrders, age, after.ProductID, string(after.Status), after.ID, until, limit)
	open, err := pgx.CollectRows(rows, scanOrder)
	return open, dbError("read open orders", err)
}

// History returns the order's events with a seq greater than after, oldest
// first. Seq 1 is made from the row. It returns an Error with
// CodeOrderNotFound when there is no such order.
func (s *Store) History(ctx context.Context, id uuid.UUID, after int64) ([]order.ProgressEvent, error) {
	o, err := s.Order(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, _ := s.pool.Query(ctx, `
		SELECT `+eventColumns+` FROM order_events e JOIN orders o USING (order_id)
		WHERE order_id = $1 AND e.seq > $2 ORDER BY e.seq`, id, after)
	events, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		return nil, dbError("read history", err)
	}
	if after < 1 {
		return append([]order.ProgressEvent{o.First()}, events...), nil
	}
	return events, nil
}

// eventColumns is what scanEvent reads, of order_events e and its order o.
const eventColumns = `e.order_id, o.user_id, e.seq, e.status, e.message, e.reason, e.payment_url, e.expires_at, e.occurred_at`

func scanEvent(row pgx.CollectableRow) (e order.ProgressEvent, err error) {
	err = row.Scan(&e.OrderID, &e.UserID, &e.Seq, &e.Status, &e.Message, &e.Reason, &e.PaymentURL,
		(*zeronull.Timestamptz)(&e.ExpiresAt.Time), &e.OccurredAt.Time)
	return e, err
}
