package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"order-service/store/storetest"
)

// back takes a schema to where the version before the traces left it.
const back = `
	ALTER TABLE orders DROP COLUMN traceparent;
	ALTER TABLE payments ADD CONSTRAINT payments_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders;
	DROP TABLE stray_refunds;
	DELETE FROM goose_db_version WHERE version_id > 3`

// Behind a migration that waits for a table everybody waits, and a backup reads it
// for an hour: the previous version goes on selling meanwhile.
func TestAMigrationThatHasToWaitHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	s := storetest.Open(t, url)
	db, backup, watch := connect(t, url), connect(t, url), connect(t, url)
	_, err := db.Exec(t.Context(), back)
	must(t, err)
	reading, err := backup.Begin(t.Context())
	must(t, err)
	_, err = reading.Exec(t.Context(), `SELECT count(*) FROM orders`)
	must(t, err)

	migrated := make(chan error, 1)
	go func() { migrated <- s.Migrate(t.Context()) }()
	const waits = `SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted)`
	for waiting := false; !waiting; time.Sleep(10 * time.Millisecond) {
		must(t, watch.QueryRow(t.Context(), waits).Scan(&waiting))
		select {
		case err := <-migrated:
			t.Fatalf("migrated while the backup reads: %v", err)
		default:
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = db.Exec(soon, `
		INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, created_at, updated_at)
		VALUES (gen_random_uuid(), 'ann', 'lamp', 1, 1, 1, 'EUR', now(), now())`)
	must(t, err)
	must(t, reading.Rollback(t.Context()))
	must(t, <-migrated)
	_, err = db.Exec(t.Context(), `SELECT traceparent FROM orders`)
	must(t, err)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close(context.Background())) })
	return conn
}
