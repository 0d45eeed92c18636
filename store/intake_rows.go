package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"order-service/order"
)

// orderRows is a batch turned into columns, the form in which unnest takes it:
// one slice per column instead of one allocation per value. An id that occurs
// twice in a batch (two retries under one key) has one row, the first one's.
type orderRows struct {
	batch []order.Intent
	index map[uuid.UUID]int // order id → its place in batch

	ids                             []uuid.UUID
	users, products, currency, keys []string
	quantities, prices, amounts     []int64
	hashes                          [][]byte
	created                         []time.Time
}

func newOrderRows(batch []order.Intent) *orderRows {
	n := len(batch)
	text, numbers := make([]string, 4*n), make([]int64, 3*n)
	r := &orderRows{
		batch: batch, index: make(map[uuid.UUID]int, n),
		ids: make([]uuid.UUID, 0, n), hashes: make([][]byte, 0, n), created: make([]time.Time, 0, n),
		users: text[:0:n], products: text[n : n : 2*n], currency: text[2*n : 2*n : 3*n], keys: text[3*n : 3*n],
		quantities: numbers[:0:n], prices: numbers[n : n : 2*n], amounts: numbers[2*n : 2*n],
	}
	for i := range batch {
		if _, again := r.index[batch[i].ID]; !again {
			r.index[batch[i].ID] = i
			r.add(&batch[i])
		}
	}
	return r
}

func (r *orderRows) add(in *order.Intent) {
	r.ids = append(r.ids, in.ID)
	r.users = append(r.users, in.UserID)
	r.products = append(r.products, in.ProductID)
	r.quantities = append(r.quantities, int64(in.Quantity))
	r.prices = append(r.prices, in.UnitPrice)
	r.amounts = append(r.amounts, in.Amount)
	r.currency = append(r.currency, in.Currency)
	r.keys = append(r.keys, in.Key)
	r.hashes = append(r.hashes, in.Hash)
	r.created = append(r.created, in.CreatedAt)
}

// insert writes the rows that are not there yet and one outbox row with their
// ids, in one statement. It returns the outbox row's id and the places in the
// batch of the orders that it wrote.
func (r *orderRows) insert(ctx context.Context, conn *pgxpool.Conn, lease time.Duration) (box int64, written []int, err error) {
	rows, _ := conn.Query(ctx, `
		WITH inserted AS (
			INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency,
				idempotency_key, request_hash, created_at, updated_at)
			SELECT order_id, user_id, product_id, quantity, unit_price, amount, currency,
				nullif(key, ''), CASE WHEN key <> '' THEN hash END, created_at, created_at
			FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
				$8::text[], $9::bytea[], $10::timestamptz[])
				AS r (order_id, user_id, product_id, quantity, unit_price, amount, currency, key, hash, created_at)
			ORDER BY user_id COLLATE "C", key COLLATE "C", order_id
			ON CONFLICT DO NOTHING
			RETURNING order_id
		), boxed AS (
			INSERT INTO outbox (order_ids, claimed_until)
			SELECT array_agg(order_id), now() + $11::interval FROM inserted HAVING count(*) > 0
			RETURNING id
		)
		SELECT boxed.id, inserted.order_id FROM inserted CROSS JOIN boxed`,
		r.ids, r.users, r.products, r.quantities, r.prices, r.amounts, r.currency, r.keys, r.hashes, r.created, lease)
	var id uuid.UUID
	written = make([]int, 0, len(r.ids))
	_, err = pgx.ForEachRow(rows, []any{&box, &id}, func() error {
		written = append(written, r.index[id])
		return nil
	})
	return box, written, err
}

// accepted is the outbox row box as the relay gets it.
func (r *orderRows) accepted(box int64, written []int) order.OutboxBatch {
	orders := make([]order.Order, len(written))
	for i, n := range written {
		orders[i] = r.batch[n].Order
	}
	return order.OutboxBatch{ID: box, Orders: orders}
}

// answers gives every intent its order: its own where it was written, else the
// one that was there first.
func (r *orderRows) answers(ctx context.Context, conn *pgxpool.Conn, written []int) ([]outcome[order.Accepted], error) {
	outs := make([]outcome[order.Accepted], len(r.batch))
	for _, n := range written {
		outs[n].value = order.Accepted{OrderID: r.batch[n].ID, Hash: r.batch[n].Hash}
	}
	if len(written) == len(r.batch) {
		return outs, nil
	}
	there, err := r.existing(ctx, conn)
	if err != nil {
		return nil, err
	}
	for n := range outs {
		if outs[n].value.OrderID == uuid.Nil {
			outs[n].value, outs[n].err = there.find(&r.batch[n])
		}
	}
	return outs, nil
}

// existing are orders that stood in the way of an insert.
type existing struct {
	byID  map[uuid.UUID]existingOrder
	byKey map[keyOwner]existingOrder
}

type existingOrder struct {
	order.Accepted
	userID string
}

// existing reads the orders that have one of the rows' ids or keys.
func (r *orderRows) existing(ctx context.Context, conn *pgxpool.Conn) (existing, error) {
	rows, _ := conn.Query(ctx, `
		SELECT order_id, user_id, coalesce(idempotency_key, ''), request_hash
		FROM orders WHERE order_id = ANY ($1)
		UNION
		SELECT o.order_id, o.user_id, o.idempotency_key, o.request_hash
		FROM unnest($2::text[], $3::text[]) AS k (user_id, idempotency_key)
		JOIN orders o ON o.user_id = k.user_id AND o.idempotency_key = k.idempotency_key
		WHERE o.idempotency_key IS NOT NULL`, r.ids, r.users, r.keys)
	there := existing{byID: map[uuid.UUID]existingOrder{}, byKey: map[keyOwner]existingOrder{}}
	var (
		o   existingOrder
		key string
	)
	_, err := pgx.ForEachRow(rows, []any{&o.OrderID, &o.userID, &key, &o.Hash}, func() error {
		there.byID[o.OrderID] = o
		if key != "" {
			there.byKey[keyOwner{o.userID, key}] = o
		}
		return nil
	})
	return there, err
}

// find returns the order under in's key, else the one under its id: the row of
// an earlier try. An id that belongs to someone else is an error.
func (e existing) find(in *order.Intent) (order.Accepted, error) {
	if o, ok := e.byKey[keyOwner{in.UserID, in.Key}]; ok {
		return o.Accepted, nil
	}
	if o, ok := e.byID[in.ID]; ok && o.userID == in.UserID {
		return o.Accepted, nil
	}
	return order.Accepted{}, fmt.Errorf("store: insert orders: id %s is taken", in.ID)
}
