-- +goose Up

-- The W3C trace context under which an order was placed, of the few that are
-- traced: whoever comes to the order later, a sweeper or a payment's report,
-- goes on with that trace. A process of the version before neither writes nor
-- reads it. A nullable column without a default rewrites no row.
ALTER TABLE orders ADD COLUMN traceparent text;
