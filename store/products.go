package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"order-service/order"
)

// productColumns is what scanProduct reads.
const productColumns = `product_id, name, unit_price, currency, per_user_limit, starts_at, ends_at,
	total, available, reserved, confirmed, version`

func scanProduct(row pgx.CollectableRow) (p order.Product, err error) {
	l := &p.Ledger
	err = row.Scan(&p.ID, &p.Name, &p.UnitPrice, &p.Currency, &p.PerUserLimit,
		(*zeronull.Timestamptz)(&p.StartsAt), (*zeronull.Timestamptz)(&p.EndsAt),
		&l.Total, &l.Available, &l.Reserved, &l.Confirmed, &p.Version)
	return p, err
}

func productNotFound(id string) error {
	return order.Errorf(order.CodeProductNotFound, "There is no product %q.", id)
}

// PutProduct creates or replaces p; p.Ledger.Total is the stock, the rest of
// the ledger follows from what is sold. It returns the product as stored, or
// an Error: CodeValidation, or CodeStockBelowSold when the stock does not cover
// the units reserved and confirmed.
func (s *Store) PutProduct(ctx context.Context, p order.Product) (order.Product, error) {
	if err := p.Validate(); err != nil {
		return order.Product{}, err
	}
	rows, _ := s.pool.Query(ctx, `
		INSERT INTO products AS p (product_id, name, unit_price, currency, per_user_limit, starts_at, ends_at, total, available)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
		ON CONFLICT (product_id) DO UPDATE SET
			name = excluded.name, unit_price = excluded.unit_price, currency = excluded.currency,
			per_user_limit = excluded.per_user_limit, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
			total = excluded.total, available = excluded.total - p.reserved - p.confirmed, version = p.version + 1
		RETURNING `+productColumns,
		p.ID, p.Name, p.UnitPrice, p.Currency, p.PerUserLimit,
		zeronull.Timestamptz(p.StartsAt), zeronull.Timestamptz(p.EndsAt), p.Ledger.Total)
	stored, err := pgx.CollectExactlyOneRow(rows, scanProduct)
	if violates(err, "products_stock_covers_sold") {
		return order.Product{}, order.Wrap(err, order.CodeStockBelowSold, "The stock is below the units already reserved and sold.")
	}
	if badData(err) {
		return order.Product{}, order.Wrap(err, order.CodeValidation, "The product cannot be stored.")
	}
	return stored, dbError("put product", err)
}

// Restock adds quantity units and returns the product. A key makes it
// idempotent: a repetition adds nothing, and with another quantity it is an
// Error with CodeIdempotencyMismatch; "" is no key. Other codes:
// CodeProductNotFound, and CodeValidation for a quantity out of bounds.
func (s *Store) Restock(ctx context.Context, productID string, quantity int64, key string) (order.Product, error) {
	if quantity < 1 || quantity > order.MaxStock {
		return order.Product{}, order.Invalid("quantity", "must be from 1 to 10^12")
	}
	rows, _ := s.pool.Query(ctx, `
		WITH fresh AS (
			INSERT INTO restocks (product_id, idempotency_key, quantity)
			SELECT product_id, $3, $2 FROM products WHERE product_id = $1 AND $3 <> ''
			ON CONFLICT DO NOTHING
			RETURNING 1
		)
		UPDATE products SET total = total + $2, available = available + $2, version = version + 1
		WHERE product_id = $1 AND ($3 = '' OR EXISTS (SELECT FROM fresh))
		RETURNING `+productColumns, productID, quantity, key)
	p, err := pgx.CollectExactlyOneRow(rows, scanProduct)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.restocked(ctx, productID, quantity, key)
	case violates(err, "products_total_bounded"):
		return order.Product{}, order.Invalid("quantity", "makes the stock too large")
	case badData(err):
		return order.Product{}, order.Wrap(err, order.CodeValidation, "The restock cannot be stored.")
	}
	return p, dbError("restock", err)
}

// restocked answers a Restock that changed nothing: the key was used before,
// or there is no such product.
func (s *Store) restocked(ctx context.Context, productID string, quantity int64, key string) (order.Product, error) {
	var first int64
	err := s.pool.QueryRow(ctx, `SELECT quantity FROM restocks WHERE product_id = $1 AND idempotency_key = $2`,
		productID, key).Scan(&first)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return order.Product{}, productNotFound(productID)
	case err != nil:
		return order.Product{}, dbError("restock", err)
	case first != quantity:
		return order.Product{}, order.Errorf(order.CodeIdempotencyMismatch, "This Idempotency-Key was used with another quantity.")
	}
	return s.Product(ctx, productID)
}

// Product returns the product with this id, or an Error with
// CodeProductNotFound.
func (s *Store) Product(ctx context.Context, id string) (order.Product, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+productColumns+` FROM products WHERE product_id = $1`, id)
	p, err := pgx.CollectExactlyOneRow(rows, scanProduct)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, productNotFound(id)
	}
	return p, dbError("read product", err)
}

// Products returns every product, sorted by id.
func (s *Store) Products(ctx context.Context) ([]order.Product, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+productColumns+` FROM products ORDER BY product_id`)
	products, err := pgx.CollectRows(rows, scanProduct)
	return products, dbError("list products", err)
}
