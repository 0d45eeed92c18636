-- +goose Up

-- Payments that the provider has paid back and that are kept here: a restore or a
-- failover took them, during their refunds, to where they bought their orders. No
-- foreign key, as for sandbox_refunds: the audit compares them. A process of the
-- version before leaves them unnoted, as ever.
CREATE TABLE stray_refunds (
    payment_id text PRIMARY KEY,
    order_id   uuid NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT now()
);
