-- +goose Up

-- The ids of a full wave, four kilobytes, stay in their row. Postgres would compress
-- them first, to no avail, for nearly all of an id is random, and then write them to
-- a table of their own with an index of its own. Rows of more than a page still go there.
ALTER TABLE outbox SET (toast_tuple_target = 8160);
