package main

import (
	"context"
	"fmt"
	"time"
)

// calm is how long Postgres is left alone after its tables were filled.
const calm = time.Second

// fill has the tables of service and naive hold just so many orders: those of
// yesterday, ended, of buyers who come again and of others.
func (b *backends) fill(ctx context.Context, orders int) error {
	for _, table := range []string{"orders", "naive_orders"} {
		if _, err := b.postgres.Exec(ctx, `TRUNCATE `+table+` CASCADE`); err != nil {
			return err
		}
		// Ids as UUIDv7 has them, ascending.
		_, err := b.postgres.Exec(ctx, `
			INSERT INTO `+table+` (order_id, user_id, product_id, quantity, unit_price, amount, currency, status, seq, created_at, updated_at)
			SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid,
				'buyer-' || n % 100000, 'earlier', 1, 1250, 1250, 'EUR', 'CONFIRMED', 4, at, at
			FROM (SELECT n, md5(n::text) AS hash, now() - interval '1 day' AS at FROM generate_series(1, $1::bigint) n) rows`, orders)
		if err != nil {
			return fmt.Errorf("fill %s: %w", table, err)
		}
		if _, err := b.postgres.Exec(ctx, `VACUUM ANALYZE `+table); err != nil {
			return err
		}
	}
	_, err := b.postgres.Exec(ctx, `CHECKPOINT`)
	time.Sleep(calm)
	return err
}
