package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"order-service/order"
)

// naive does one thing after the other for every order, as a first version of
// such a service does.
type naive struct {
	pool  *pgxpool.Pool
	cache *redis.Client
	producer
}

// The table is that of the service, with its indexes and without the checks
// that a first version would not have.
const naiveSchema = `
CREATE TABLE IF NOT EXISTS naive_orders (
    order_id        uuid PRIMARY KEY,
    user_id         text NOT NULL,
    product_id      text NOT NULL,
    quantity        integer NOT NULL,
    unit_price      bigint NOT NULL,
    amount          bigint NOT NULL,
    currency        text NOT NULL,
    status          text NOT NULL DEFAULT 'PENDING',
    seq             bigint NOT NULL DEFAULT 1,
    payment_id      text NOT NULL DEFAULT '',
    payment_url     text NOT NULL DEFAULT '',
    failure_reason  text NOT NULL DEFAULT '',
    expires_at      timestamptz,
    idempotency_key text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS naive_orders_idempotency ON naive_orders (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS naive_orders_by_user ON naive_orders (user_id, order_id DESC);
CREATE INDEX IF NOT EXISTS naive_orders_open ON naive_orders (product_id, status, order_id)
    WHERE status IN ('PENDING', 'INVENTORY_RESERVED', 'PAYMENT_PENDING');`

func openNaive(ctx context.Context, s settings, sent *requests) (taker, func(), error) {
	n, err := connectNaive(ctx, s, sent)
	if err != nil {
		return nil, nil, err
	}
	if err := n.prepare(ctx, s); err != nil {
		n.close()
		return nil, nil, err
	}
	return n.take, n.close, nil
}

func connectNaive(ctx context.Context, s settings, sent *requests) (n naive, err error) {
	cfg, err := pgxpool.ParseConfig(s.postgres)
	if err != nil {
		return n, err
	}
	cfg.MaxConns, cfg.MinConns = int32(s.pool), int32(s.pool)
	opts, err := redis.ParseURL(s.redis)
	if err != nil {
		return n, err
	}
	if n.producer, err = openProducer(ctx, s, sent); err != nil {
		return n, err
	}
	if n.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		n.producer.close()
		return n, err
	}
	n.cache = redis.NewClient(opts)
	return n, nil
}

func (n naive) close() {
	n.producer.close()
	n.pool.Close()
	_ = n.cache.Close() // nothing is kept in it
}

func (n naive) prepare(ctx context.Context, s settings) error {
	if _, err := n.pool.Exec(ctx, naiveSchema); err != nil {
		return fmt.Errorf("create naive_orders: %w", err)
	}
	return n.cache.Set(ctx, priceKey(s.product), s.price, 0).Err()
}

func priceKey(product string) string { return "naive:price:" + product }

func (n naive) take(ctx context.Context, o order.Order) (err error) {
	if o.UnitPrice, err = n.cache.Get(ctx, priceKey(o.ProductID)).Int64(); err != nil {
		return err
	}
	o.Amount = o.UnitPrice * int64(o.Quantity)
	_, err = n.pool.Exec(ctx, `
		INSERT INTO naive_orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)`,
		[16]byte(o.ID), o.UserID, o.ProductID, o.Quantity, o.UnitPrice, o.Amount, o.Currency, o.CreatedAt)
	if err != nil {
		return err
	}
	return n.publish(ctx, o)
}
