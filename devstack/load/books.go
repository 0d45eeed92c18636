package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// books reads the service's database.
type books struct {
	conn    *pgx.Conn
	product string
}

const queryTimeout = 5 * time.Minute

func openBooks(ctx context.Context, url, product string) (books, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return books{}, fmt.Errorf("DATABASE_URL: %w", err)
	}
	return books{conn, product}, nil
}

func (b books) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = b.conn.Close(ctx) // nothing was written
}

// totals are the orders of the product, and the units of those that have not
// failed.
func (b books) totals(ctx context.Context) (orders, units int64, err error) {
	err = b.conn.QueryRow(ctx, `
		SELECT count(*), coalesce(sum(quantity) FILTER (WHERE status NOT IN ('FAILED', 'CANCELLED')), 0)::bigint
		FROM orders WHERE product_id = $1`, b.product).Scan(&orders, &units)
	return orders, units, err
}

// astray returns those of the receipts' orders that have no row, or one for
// another buyer or product.
func (b books) astray(ctx context.Context, ids [][16]byte, buyers []string) (lost []lostOrder, err error) {
	rows, _ := b.conn.Query(ctx, `
		SELECT r.id::text, r.buyer, coalesce(o.user_id, '')
		FROM unnest($1::uuid[], $2::text[]) AS r (id, buyer) LEFT JOIN orders o ON o.order_id = r.id
		WHERE o.order_id IS NULL OR (o.user_id, o.product_id) <> (r.buyer, $3)`, ids, buyers, b.product)
	return pgx.CollectRows(rows, pgx.RowToStructByPos[lostOrder])
}

// waiting is how many orders the workers have not begun with.
func (b books) waiting(ctx context.Context) (n int64, err error) {
	err = b.conn.QueryRow(ctx, `SELECT count(*) FROM orders WHERE product_id = $1 AND status = 'PENDING'`, b.product).Scan(&n)
	return n, err
}

// lostOrder is one that was accepted and is not there as it should.
type lostOrder struct {
	OrderID string `json:"orderId"`
	Buyer   string `json:"buyer"`
	FoundOf string `json:"foundOf,omitempty"` // the buyer in its row; "" when there is no row
}

// String names the order, its buyer and what was found instead.
func (o lostOrder) String() string {
	if o.FoundOf == "" {
		return o.OrderID + " of " + o.Buyer
	}
	return o.OrderID + " of " + o.Buyer + ", which is of " + o.FoundOf
}
