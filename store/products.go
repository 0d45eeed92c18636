package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"order-service/order"
)

// productColumns is what scanProduct reads.
const productColumns = `product_id, name, unit_price, currency, per_user_limit, starts_at, ends_at,
	total, available, reserved, confirmed, version`

func scanProduct(row pgx.CollectableRow) (p order.Product, err error) {
	l := &p.Ledger
	err = row.Scan(&p.ID, &p.Name, &p.UnitPrice, &p.Currency, &p.PerUserLimit,
		(*saleTime)(&p.StartsAt), (*saleTime)(&p.EndsAt),
		&l.Total, &l.Available, &l.Reserved, &l.Confirmed, &p.Version)
	return p, err
}

// saleTime reads where a sale begins or ends, the zero time where it does not.
// A time out of range, which an older version let in or a hand has set, is read
// as the end of the range that it is beyond. It means the same, and can be
// shown: one product must not hide the others.
type saleTime time.Time

// pgx finds a scanner by what it can do: one that could do less would fail with
// the first row.
var _ pgtype.TimestamptzScanner = (*saleTime)(nil)

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (t *saleTime) ScanTimestamptz(v pgtype.Timestamptz) error {
	const farAway = 1 << 48 // seconds from 1970, either way
	switch {
	case !v.Valid:
		*t = saleTime{}
	case v.InfinityModifier != pgtype.Finite:
		*t = saleTime(order.ClampTime(time.Unix(int64(v.InfinityModifier)*farAway, 0)))
	default:
		*t = saleTime(order.ClampTime(v.Time))
	}
	return nil
}

func productNotFound(id string) error {
	return order.Errorf(order.CodeProductNotFound, "There is no product %q.", id)
}

// PutProduct creates or replaces p; p.Ledger.Total is the stock, the rest of
// the ledger follows from what is sold. It returns the product as stored.
//
// Unless allowed is nil, it is given the product as it stands, or nil where
// there is none, and its error is returned and nothing written: nobody changes
// the product between that look and the write. Other codes: CodeValidation, and
// CodeStockBelowSold when the stock does not cover the units reserved and
// confirmed.
func (s *Store) PutProduct(ctx context.Context, p order.Product, allowed func(now *order.Product) error) (stored order.Product, err error) {
	if err := p.Validate(); err != nil {
		return order.Product{}, err
	}
	err = s.transact(ctx, readCommitted, func(tx pgx.Tx) error {
		stored, err = putProduct(ctx, tx, p, allowed)
		return err
	})
	if violates(err, "products_stock_covers_sold") {
		return order.Product{}, order.Wrap(err, order.CodeStockBelowSold, "The stock is below the units already reserved and sold.")
	}
	if badData(err) {
		return order.Product{}, order.Wrap(err, order.CodeValidation, "The product cannot be stored.")
	}
	return stored, dbError("put product", err)
}

// putProduct writes p if that is allowed. A product is never deleted, so one
// that somebody else creates after the look is there to be locked at the next.
func putProduct(ctx context.Context, tx pgx.Tx, p order.Product, allowed func(*order.Product) error) (order.Product, error) {
	for {
		now, err := lockProduct(ctx, tx, p.ID)
		if err == nil && allowed != nil {
			err = allowed(now)
		}
		if err != nil {
			return order.Product{}, err
		}
		stored, err := writeProduct(ctx, tx, p, now != nil)
		if !errors.Is(err, pgx.ErrNoRows) {
			return stored, err
		}
	}
}

// lockProduct returns the product, which is the transaction's own from then on,
// or nil.
func lockProduct(ctx context.Context, tx pgx.Tx, id string) (*order.Product, error) {
	rows, _ := tx.Query(ctx, `SELECT `+productColumns+` FROM products WHERE product_id = $1 FOR NO KEY UPDATE`, id)
	p, err := pgx.CollectExactlyOneRow(rows, scanProduct)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &p, err
}

// writeProduct replaces the product that is there or creates one. It returns
// pgx.ErrNoRows where there is one after all.
func writeProduct(ctx context.Context, tx pgx.Tx, p order.Product, there bool) (order.Product, error) {
	statement := `
		INSERT INTO products (product_id, name, unit_price, currency, per_user_limit, starts_at, ends_at, total, available)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
		ON CONFLICT DO NOTHING RETURNING ` + productColumns
	if there {
		statement = `
			UPDATE products SET name = $2, unit_price = $3, currency = $4, per_user_limit = $5, starts_at = $6, ends_at = $7,
				total = $8, available = $8 - reserved - confirmed, version = version + 1
			WHERE product_id = $1 RETURNING ` + productColumns
	}
	rows, _ := tx.Query(ctx, statement, p.ID, p.Name, p.UnitPrice, p.Currency, p.PerUserLimit,
		zeronull.Timestamptz(p.StartsAt), zeronull.Timestamptz(p.EndsAt), p.Ledger.Total)
	return pgx.CollectExactlyOneRow(rows, scanProduct)
}

// Restock adds quantity units and returns the product. A key makes it
// idempotent: a repetition adds nothing, and with another quantity it is an
// Error with CodeIdempotencyMismatch; "" is no key. Other codes:
// CodeProductNotFound, CodeValidation for a quantity out of bounds, and
// CodeOutcomeUnknown when the units may have been added.
func (s *Store) Restock(ctx context.Context, productID string, quantity int64, key string) (order.Product, error) {
	if err := order.ValidRestock(quantity); err != nil {
		return order.Product{}, err
	}
	p, err := s.addUnits(ctx, productID, quantity, key)
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

// addUnits returns pgx.ErrNoRows when nothing was added, and ErrOutcomeUnknown
// unless the server said what it did.
func (s *Store) addUnits(ctx context.Context, productID string, quantity int64, key string) (order.Product, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return order.Product{}, err
	}
	defer conn.Release()
	rows, _ := conn.Query(ctx, `
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
	if err != nil && !refused(err) && !errors.Is(err, pgx.ErrNoRows) {
		err = unknownOutcome(err)
	}
	return p, err
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
