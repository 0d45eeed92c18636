-- +goose Up

-- Reports of money that is not what the order costs, beside the payment that
-- they name. They change nothing of it, so that a report that fits, or a
-- decline, finds it open, and settles them. A process of the version before,
-- which knows nothing of this table, still notes the first one as the payment's
-- state MISMATCH.
CREATE TABLE payment_mismatches (
    payment_id  text NOT NULL REFERENCES payments,
    order_id    uuid NOT NULL,
    amount      bigint NOT NULL,
    currency    text NOT NULL,
    reports     bigint NOT NULL DEFAULT 1 CHECK (reports > 0),
    reported_at timestamptz NOT NULL,
    settled_at  timestamptz,
    PRIMARY KEY (payment_id, amount, currency)
);
CREATE INDEX payment_mismatches_open ON payment_mismatches (reported_at) WHERE settled_at IS NULL;

INSERT INTO payment_mismatches (payment_id, order_id, amount, currency, reported_at)
SELECT payment_id, order_id, amount, currency, received_at FROM payments WHERE state = 'MISMATCH';
