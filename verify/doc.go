// Package verify checks the invariants of a running system, without changing
// anything:
//
//	I1  every accepted order is on its way or has ended in time, with its event and its workflow
//	I2  each product's units add up, and the gate agrees with the ledger once quiet
//	I3  every payment is applied to one confirmed order, or refunded once
//	I4  a final status never changes, and seqs have no gap
//
// What one database snapshot can decide comes from the store's Audit. This
// package adds what takes two systems to see: orders against workflows and
// ledgers against the gate. Both move while it looks, so it looks again until
// they agree or time is up. Watch compares the gate for the metrics, all the time.
package verify
