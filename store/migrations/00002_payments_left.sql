-- +goose Up

-- Payments that somebody still has to do something about. Nearly all rows are
-- in no such state, so the index stays tiny, and who looks for these few every
-- second need not read the rest.
CREATE INDEX payments_left ON payments (state, updated_at)
    WHERE state IN ('RECEIVED', 'REFUNDING', 'MISMATCH');
