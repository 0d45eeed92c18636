package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"order-service/batch"
	"order-service/order"
)

// watched is whose orders a stream begins with: the open ones and those changed
// since, at most limit of them.
type watched struct {
	userID string
	since  time.Time
	limit  int
}

// Recent returns at most limit of userID's orders, newest first: the open ones
// and those that changed since, among the newest lookThrough. Codes: CodeOverloaded, CodeUnavailable.
func (s *Store) Recent(ctx context.Context, userID string, since time.Time, limit int) ([]order.Order, error) {
	orders, err := s.recents.Do(ctx, watched{userID, since, limit})
	return orders, dbError("list recent orders", err)
}

// recent answers many with one statement: after a restart of an api all of its
// streams come to the others at once.
func (s *Store) recent(ctx context.Context, streams []watched) []batch.Result[[]order.Order] {
	results := make([]batch.Result[[]order.Order], len(streams))
	if err := s.readRecent(ctx, streams, results); err != nil {
		for i := range results {
			results[i] = batch.Result[[]order.Order]{Err: err}
		}
	}
	return results
}

const recentOrders = `
	SELECT w.place, ` + orderColumns + `
	FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) WITH ORDINALITY AS w (user_id, since, most, place)
	CROSS JOIN LATERAL (
		SELECT * FROM (SELECT * FROM orders WHERE user_id = w.user_id ORDER BY order_id DESC LIMIT $4) newest
		WHERE updated_at >= w.since OR status IN ('PENDING', 'INVENTORY_RESERVED', 'PAYMENT_PENDING')
		ORDER BY order_id DESC LIMIT w.most) AS o
	ORDER BY w.place, o.order_id DESC`

func (s *Store) readRecent(ctx context.Context, streams []watched, results []batch.Result[[]order.Order]) error {
	users, sinces, limits := make([]string, len(streams)), make([]time.Time, len(streams)), make([]int64, len(streams))
	for i, w := range streams {
		users[i], sinces[i], limits[i] = w.userID, w.since, int64(w.limit)
	}
	rows, _ := s.pool.Query(ctx, recentOrders, users, sinces, limits, lookThrough)
	var (
		place int
		o     order.Order
	)
	_, err := pgx.ForEachRow(rows, append([]any{&place}, orderFields(&o)...), func() error {
		results[place-1].Value = append(results[place-1].Value, o)
		return nil
	})
	return err
}
