-- +goose Up

-- What is sold, with its ledger. fillfactor leaves room on the page, so the
-- hot row's updates stay heap-only and its page does not grow a chain.
CREATE TABLE products (
    product_id     text PRIMARY KEY CHECK (product_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    name           text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 200),
    unit_price     bigint NOT NULL CHECK (unit_price BETWEEN 0 AND 1000000000000000),
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    per_user_limit bigint NOT NULL DEFAULT 0 CHECK (per_user_limit >= 0),
    starts_at      timestamptz,
    ends_at        timestamptz,
    total          bigint NOT NULL CONSTRAINT products_total_bounded CHECK (total BETWEEN 0 AND 1000000000000),
    available      bigint NOT NULL CONSTRAINT products_stock_covers_sold CHECK (available >= 0),
    reserved       bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    confirmed      bigint NOT NULL DEFAULT 0 CHECK (confirmed >= 0),
    version        bigint NOT NULL DEFAULT 1,
    CONSTRAINT products_ledger_balances CHECK (total = available + reserved + confirmed)
) WITH (fillfactor = 50);

-- No foreign key to products: accepting an order must not touch the hot row.
-- The lengths keep every index entry far below the B-tree's limit, so that a
-- long value fails its own row and not the batch.
CREATE TABLE orders (
    order_id        uuid PRIMARY KEY,
    user_id         text NOT NULL CHECK (octet_length(user_id) BETWEEN 1 AND 255),
    product_id      text NOT NULL CHECK (octet_length(product_id) BETWEEN 1 AND 64),
    quantity        integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
    unit_price      bigint NOT NULL CHECK (unit_price >= 0),
    amount          bigint NOT NULL,
    currency        text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status          text NOT NULL DEFAULT 'PENDING' CHECK (status IN
        ('PENDING', 'INVENTORY_RESERVED', 'PAYMENT_PENDING', 'CONFIRMED', 'FAILED', 'CANCELLED')),
    seq             bigint NOT NULL DEFAULT 1,
    payment_id      text NOT NULL DEFAULT '',
    payment_url     text NOT NULL DEFAULT '',
    failure_reason  text NOT NULL DEFAULT '' CHECK (failure_reason IN
        ('', 'OUT_OF_STOCK', 'PURCHASE_LIMIT', 'PAYMENT_UNAVAILABLE', 'PAYMENT_TIMEOUT', 'PAYMENT_DECLINED')),
    expires_at      timestamptz,
    idempotency_key text CHECK (octet_length(idempotency_key) BETWEEN 1 AND 255),
    request_hash    bytea,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CHECK (amount = unit_price * quantity),
    CHECK ((status = 'PENDING') = (seq = 1)),
    CHECK ((status = 'FAILED') = (failure_reason <> '')),
    CHECK ((idempotency_key IS NULL) = (request_hash IS NULL))
);
CREATE UNIQUE INDEX orders_idempotency ON orders (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX orders_by_user ON orders (user_id, order_id DESC);
CREATE INDEX orders_open ON orders (product_id, status, order_id)
    WHERE status IN ('PENDING', 'INVENTORY_RESERVED', 'PAYMENT_PENDING');

-- The changes of status. Seq 1, PENDING, is told by the order's row.
CREATE TABLE order_events (
    order_id    uuid NOT NULL REFERENCES orders,
    seq         bigint NOT NULL CHECK (seq >= 2),
    status      text NOT NULL CHECK (status IN
        ('INVENTORY_RESERVED', 'PAYMENT_PENDING', 'CONFIRMED', 'FAILED', 'CANCELLED')),
    reason      text NOT NULL DEFAULT '',
    message     text NOT NULL,
    payment_url text NOT NULL DEFAULT '',
    expires_at  timestamptz,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, seq)
);

-- One row per commit of the intake, deleted once its orders are published.
-- Rows live for milliseconds, so vacuum goes by count and not by share.
CREATE TABLE outbox (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_ids     uuid[] NOT NULL CHECK (cardinality(order_ids) > 0),
    created_at    timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX outbox_by_claim ON outbox (claimed_until);

-- Units that an order holds or owns. RELEASED is also written where nothing
-- was reserved: a tombstone that a late reserve cannot pass.
CREATE TABLE reservations (
    order_id   uuid PRIMARY KEY REFERENCES orders,
    product_id text NOT NULL,
    user_id    text NOT NULL,
    quantity   integer NOT NULL CHECK (quantity > 0),
    state      text NOT NULL CHECK (state IN ('RESERVED', 'CONFIRMED', 'RELEASED'))
);
CREATE INDEX reservations_by_user ON reservations (product_id, user_id) INCLUDE (quantity)
    WHERE state <> 'RELEASED';

CREATE TABLE payments (
    payment_id  text PRIMARY KEY CHECK (octet_length(payment_id) BETWEEN 1 AND 200),
    order_id    uuid NOT NULL REFERENCES orders,
    amount      bigint NOT NULL,
    currency    text NOT NULL,
    state       text NOT NULL CHECK (state IN
        ('RECEIVED', 'APPLIED', 'DECLINED', 'MISMATCH', 'REFUNDING', 'REFUNDED')),
    received_at timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payments_by_order ON payments (order_id);
CREATE UNIQUE INDEX payments_applied_once ON payments (order_id) WHERE state = 'APPLIED';

-- What the built-in sandbox has paid back. No foreign key: a provider keeps
-- books of its own, and the audit compares them.
CREATE TABLE sandbox_refunds (
    payment_id  text PRIMARY KEY,
    order_id    uuid NOT NULL,
    reason      text NOT NULL,
    refunded_at timestamptz NOT NULL DEFAULT now()
);

-- Restocks that carried an Idempotency-Key.
CREATE TABLE restocks (
    product_id      text NOT NULL REFERENCES products,
    idempotency_key text NOT NULL CHECK (octet_length(idempotency_key) BETWEEN 1 AND 255),
    quantity        bigint NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, idempotency_key)
);
