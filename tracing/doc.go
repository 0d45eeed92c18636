// Package tracing follows single orders through the service, by OpenTelemetry.
//
// It is on where the environment names a collector, by the standard OTEL_*
// variables, and otherwise free: a nil *Tracer, which is what Open returns then,
// makes no spans and allocates nothing.
//
// # One decision
//
// Whether an order is traced is decided once, where it enters (Tracer.Enter), and
// nobody downstream decides again: an order that is traced carries its context
// from part to part, in its row, its records and its workflow, and one that is
// not carries none, but for its records and calls, which say so to others (Header).
// So what a part does for an order that is not traced is to see an empty string.
//
// # What is in a span
//
// Order id, product id, quantity, status and codes. Never a user id, a token, an
// Idempotency-Key, a payment link or the text of an error, which may quote any of
// them: traces are kept by other rules, and read by other people, than orders.
package tracing
