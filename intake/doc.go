// Package intake accepts orders: it knows what a 202 means.
//
// Concurrent requests go in waves, and one wave goes through both stages: its
// holds are one round trip to the gate, and those that were admitted are one
// commit.
//
//	Accept ──► queue ──► wave: hold all ──► commit the admitted ──► answers
//	                            │                  │
//	                            └► refusals        └► 202, or what is known of the failure
//
// A wave forms while the ones before it are at work (package batch), so the
// next one's holds run beside this one's commit. A refusal is answered as soon
// as the gate has spoken.
//
// # What is kept
//
//   - An id that Accept returns is that of a committed order.
//   - A hold whose order was certainly not written is dropped at once, by the
//     request that took it. One of unknown outcome, and one that a retry has found,
//     stays: the gate's reap asks the database later.
//   - An Idempotency-Key is honoured before price, window and stock, so a retry
//     of an accepted order is never refused.
//   - Nothing is taken for a request that is refused for want of room.
package intake
