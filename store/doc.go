// Package store is Postgres: orders and their history, the outbox, the stock
// ledger, payments, migrations, and the batching that makes them fast.
//
// # Who writes what
//
// [Intake] inserts orders, one commit for many callers, together with one
// outbox row, and never updates one. Nothing else inserts an order, but for
// [Store.Restore], which puts back one that was lost.
// [Store.Reserve], [Store.RequestPayment], [Store.Confirm] and [Store.Finish]
// are the only writers of a status. All four pass through one code path: a
// group of moves is read and locked (group.go), decided in memory by plain Go
// (decide.go, ledger.go), and written set by set (save.go), in one transaction.
//
// # Lock order
//
// products rows (sorted by id) → orders rows (sorted by id) → reservations →
// payments (sorted by id) → payment_mismatches. The product row is the lock of
// everything that belongs to the product: whoever holds it may count its
// reservations. A statement that takes only one of these locks may come in
// anywhere.
//
// # Non-obvious
//
//   - An insert is one statement and so one round trip and one commit. Its
//     rows are sorted by idempotency key, because two batches that insert the
//     same two keys in opposite order would wait for each other.
//   - A commit whose reply was lost is repeated with the same ids until the
//     deadline. ON CONFLICT DO NOTHING turns the repetition into a look-up. The
//     outbox row of the lost commit is left to the sweeper.
//   - FATAL from the server is an unknown outcome too: a backend that is
//     terminated while it waits for a synchronous standby has committed.
//   - A group of moves is two round trips (transact.go), over connections whose
//     plans are made once and can only be those by index (pools.go): to plan for
//     one or two orders costs more than to move them.
//   - Every change of a ledger raises the product's version by one, also inside
//     a group, so each move has its own (version, available) for the gate.
//   - Every statement has a deadline, and so has the wait for a connection, also
//     where a caller's context has none (guard.go): a line that falls silent says
//     nothing, not even that it is broken. Long work says so with within.
//   - A host that falls silent keeps nothing locked: the server ends its session
//     (session.go), so row locks and the upkeep are free within some 12 s.
//   - A connection that does not answer, or says that its server was demoted,
//     condemns the others: the pools are emptied at once, for they would be found
//     dead one after the other.
//   - Through a pooler a session is anybody's after each transaction (pooler.go):
//     nothing is prepared or set in it, and what must keep its session, which
//     migrations and the leader's lock do, goes another way (Config.Direct).
//   - Timestamps are kept to the millisecond, so that a row and the events made
//     from it show the same time.
package store
