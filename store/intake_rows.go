package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"order-service/batch"
	"order-service/order"
)

// orderRows is a batch turned into columns, the form in which unnest takes it:
// one slice per column instead of one allocation per value. An id that occurs
// twice in a batch (two retries under one key) has one row, the first one's.
type orderRows struct {
	batch []order.Intent
	index map[uuid.UUID]int // order id → its place in batch
	order []int             // places in the order of the rows

	ids                             []pgtype.UUID
	users, products, currency, keys []string
	quantities, prices, amounts     []int64
	hashes                          [][]byte
	created                         []time.Time
	traces                          []string // nil where no order is traced, as nearly always
}

func newOrderRows(batch []order.Intent) *orderRows {
	n := len(batch)
	text, numbers := make([]string, 4*n), make([]int64, 3*n)
	r := &orderRows{
		batch: batch, index: make(map[uuid.UUID]int, n), order: make([]int, 0, n),
		ids: make([]pgtype.UUID, 0, n), hashes: make([][]byte, 0, n), created: make([]time.Time, 0, n),
		users: text[:0:n], products: text[n : n : 2*n], currency: text[2*n : 2*n : 3*n], keys: text[3*n : 3*n],
		quantities: numbers[:0:n], prices: numbers[n : n : 2*n], amounts: numbers[2*n : 2*n],
	}
	for i := range batch {
		if _, again := r.index[batch[i].ID]; !again {
			r.index[batch[i].ID] = i
			r.order = append(r.order, i)
		}
	}
	r.sort()
	for _, i := range r.order {
		r.add(&batch[i])
	}
	return r
}

// sort puts rows with a key into one order for all batches, so that two of them
// with the same keys cannot wait for each other. Nobody waits for the others.
func (r *orderRows) sort() {
	slices.SortFunc(r.order, func(a, b int) int {
		x, y := &r.batch[a], &r.batch[b]
		if x.Key == "" && y.Key == "" {
			return a - b
		}
		return cmp.Or(strings.Compare(x.Key, y.Key), strings.Compare(x.UserID, y.UserID))
	})
}

func (r *orderRows) add(in *order.Intent) {
	r.ids = append(r.ids, binaryID(in.ID))
	r.users = append(r.users, in.UserID)
	r.products = append(r.products, in.ProductID)
	r.quantities = append(r.quantities, int64(in.Quantity))
	r.prices = append(r.prices, in.UnitPrice)
	r.amounts = append(r.amounts, in.Amount)
	r.currency = append(r.currency, in.Currency)
	r.keys = append(r.keys, in.Key)
	r.hashes = append(r.hashes, in.Hash)
	r.created = append(r.created, in.CreatedAt)
	if in.Traceparent != "" {
		if r.traces == nil {
			r.traces = make([]string, len(r.order))
		}
		r.traces[len(r.ids)-1] = in.Traceparent
	}
}

// rowsOf is how the columns of an orderRows become rows of orders. They are
// inserted in the order in which unnest yields them.
const rowsOf = `
	INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency,
		idempotency_key, request_hash, created_at, updated_at, traceparent)
	SELECT order_id, user_id, product_id, quantity, unit_price, amount, currency,
		nullif(key, ''), CASE WHEN key <> '' THEN hash END, created_at, created_at, nullif(traceparent, '')
	FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
		$8::text[], $9::bytea[], $10::timestamptz[], $11::text[])
		AS r (order_id, user_id, product_id, quantity, unit_price, amount, currency, key, hash, created_at, traceparent)`

// insert writes the rows that are not there yet and one outbox row with their
// ids, in one statement. It returns the outbox row's id and the places in the
// batch of the orders that it wrote.
//
// Nearly always all are new, and a statement that need not look for those which
// are not costs Postgres a quarter less. Where it fails, it wrote nothing.
func (r *orderRows) insert(ctx context.Context, conn *pgxpool.Conn, lease time.Duration) (box int64, written []int, err error) {
	err = conn.QueryRow(ctx, `
		WITH inserted AS (`+rowsOf+`)
		INSERT INTO outbox (order_ids, claimed_until) VALUES ($1, now() + $12::interval) RETURNING id`,
		r.values(lease)...).Scan(&box)
	if taken(err) {
		return r.insertMissing(ctx, conn, lease)
	}
	return box, r.order, err
}

// insertMissing is insert for a batch of which some rows are there already.
func (r *orderRows) insertMissing(ctx context.Context, conn *pgxpool.Conn, lease time.Duration) (box int64, written []int, err error) {
	var ids []pgtype.UUID
	err = conn.QueryRow(ctx, `
		WITH inserted AS (`+rowsOf+` ON CONFLICT DO NOTHING RETURNING order_id)
		INSERT INTO outbox (order_ids, claimed_until)
		SELECT array_agg(order_id), now() + $12::interval FROM inserted HAVING count(*) > 0
		RETURNING id, order_ids`, r.values(lease)...).Scan(&box, &ids)
	if errors.Is(err, pgx.ErrNoRows) { // all were there
		return 0, nil, nil
	}
	for _, id := range ids {
		written = append(written, r.index[id.Bytes])
	}
	return box, written, err
}

func (r *orderRows) values(lease time.Duration) []any {
	return []any{r.ids, r.users, r.products, r.quantities, r.prices, r.amounts, r.currency, r.keys, r.hashes, r.created, r.traces, lease}
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
func (r *orderRows) answers(ctx context.Context, conn *pgxpool.Conn, written []int) ([]batch.Result[order.Accepted], error) {
	results := make([]batch.Result[order.Accepted], len(r.batch))
	for _, n := range written {
		results[n].Value = order.Accepted{OrderID: r.batch[n].ID, Hash: r.batch[n].Hash}
	}
	if len(written) == len(r.batch) {
		return results, nil
	}
	there, err := r.existing(ctx, conn)
	if err != nil {
		return nil, err
	}
	for n := range results {
		if results[n].Value.OrderID == uuid.Nil {
			results[n].Value, results[n].Err = there.find(&r.batch[n])
		}
	}
	return results, nil
}

// existing are orders that stood in the way of an insert.
type existing struct {
	byID  map[uuid.UUID]existingOrder
	byKey map[order.KeyOwner]existingOrder
}

type existingOrder struct {
	order.Accepted
	userID string
}

// existing reads the orders that have one of the rows' ids or keys, over the
// connection that wrote the others: they are not to wait for a reader's. It is
// planned anew each time, for the intake keeps its plans, and one from when there
// were no orders would read them all.
func (r *orderRows) existing(ctx context.Context, conn *pgxpool.Conn) (existing, error) {
	rows, _ := conn.Query(ctx, `
		SELECT order_id, user_id, coalesce(idempotency_key, ''), request_hash
		FROM orders WHERE order_id = ANY ($1)
		UNION
		SELECT o.order_id, o.user_id, o.idempotency_key, o.request_hash
		FROM unnest($2::text[], $3::text[]) AS k (user_id, idempotency_key)
		JOIN orders o ON o.user_id = k.user_id AND o.idempotency_key = k.idempotency_key
		WHERE o.idempotency_key IS NOT NULL`, pgx.QueryExecModeCacheDescribe, r.ids, r.users, r.keys)
	there := existing{byID: map[uuid.UUID]existingOrder{}, byKey: map[order.KeyOwner]existingOrder{}}
	var (
		o   existingOrder
		key string
	)
	_, err := pgx.ForEachRow(rows, []any{&o.OrderID, &o.userID, &key, &o.Hash}, func() error {
		there.byID[o.OrderID] = o
		if key != "" {
			there.byKey[order.KeyOwner{UserID: o.userID, Key: key}] = o
		}
		return nil
	})
	return there, err
}

// find returns the order under in's key, else the one under its id: the row of
// an earlier try. An id that belongs to someone else is an error.
func (e existing) find(in *order.Intent) (order.Accepted, error) {
	if o, ok := e.byKey[order.KeyOwner{UserID: in.UserID, Key: in.Key}]; ok {
		return o.Accepted, nil
	}
	if o, ok := e.byID[in.ID]; ok && o.userID == in.UserID {
		return o.Accepted, nil
	}
	return order.Accepted{}, fmt.Errorf("store: insert orders: id %s is taken", in.ID)
}
