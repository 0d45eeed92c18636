// Package saga drives every accepted order to CONFIRMED, FAILED or CANCELLED
// with Temporal. It is the only writer of an order's status and the only
// package that imports the Temporal SDK.
//
// # Workflows
//
// OrderWorkflow, id order-<orderId>, one per order. A second one is begun where
// the first failed or was terminated, and by repair where it completed and
// Postgres was put back since; it goes on where the order stands:
//
//	read and reserve ── final? ──► end
//	      │  └─── sold out, limit ──────────────► FAILED
//	      ├── costs nothing ── confirm ─────────► CONFIRMED
//	      │
//	   initiate the payment ── unreachable ─────► FAILED
//	      │
//	   request it from the buyer: PAYMENT_PENDING
//	      │
//	   wait ── payment ──► confirm ─────────────► CONFIRMED
//	      └─── declined, timer ─────────────────► FAILED
//	                        └─── but paid ──────► CONFIRMED
//
// An order meets two workflow tasks: the first takes it to PAYMENT_PENDING, the
// second begins with its payment. A provider that does not answer at once makes
// them three.
//
// A cancellation is looked at before each step and while waiting, and leads to
// CANCELLED. When a payment and a cancellation, a decline or the end of the
// window are in the history of the same wait, the payment wins. At the end of the
// window it wins also where nobody could report it, as while Temporal is away: it
// is in Postgres, and the step that would end the order finds it. A decline counts
// for the payment that it names: one of an older attempt ends nothing.
//
// RefundWorkflow, id refund-<paymentId>, gives one payment back. It asks
// Postgres first, so an applied or refunded payment is left alone whoever
// started it.
//
// # Rules
//
//   - A step runs on a context that cancellation does not reach, because a
//     cancelled local activity returns while its code still runs.
//   - What undoes a step is registered before the step (see compensations).
//   - Steps on Postgres and Kafka are local activities, idempotent and retried
//     until they succeed; an outage ends no order. So is the first call to the
//     payment provider, which is brief and not retried; every other call to it
//     is a regular activity.
//   - A refusal that the workflow answers, such as sold-out, is a value; an
//     error is only what a retry may cure or what no one foresaw (see retry.go).
//   - A process that dies in a step leaves no marker of it, and the workflow may
//     not come to repeat the step: a cancellation may have arrived since. So
//     ReadOrder and Finish publish the changes that were left unpublished.
//   - A step that finds the order lost, or where it stood long ago, puts it back
//     from what the saga knows and is made once more (see restore.go).
//   - No payment is dropped: before a workflow returns, each that it was told of
//     and did not apply is handed to RefundWorkflow. A report that reaches it
//     later finds the order final, and whoever brought it starts the refund.
//
// # Versioning
//
// Histories outlive deployments, so the order and the types of the commands
// that workflow code issues are an interface. A change to them goes behind
// workflow.GetVersion with a new change id; the old branch stays until the
// namespace's retention has passed since the last workflow that took it.
// Where the first step can say in its result what it did, as ReadOrder does of
// having begun, that is version enough: GetVersion would cost each order two
// events and a write to the visibility store. Where it is needed, it is asked
// only by the orders for which the change makes a difference (see version).
//
// Workers are not versioned by the server (worker deployments, pinned
// workflows), for what that asks for is what this service must not need: hands.
// A new build gets no order before somebody makes it the current version, and a
// pinned order nothing but its own build, whose last worker may go only when
// its last refund has been given, days later where a provider is away. An order
// whose build is gone waits for a person. Pinning would also keep running orders
// from a mended step, and steps are most of the code; and its other half,
// workflows that upgrade by themselves, asks of histories just what the rules
// above do. So any builds may share a task queue, which a rolling deployment, a
// step back and a step forward again need: a worker that does not know what is
// in a history fails the workflow task, not the workflow, and Temporal repeats
// it until one takes it that does.
//
// Names of workflows, activities, signals and updates and the JSON of their arguments
// only ever gain optional fields. TestReplay holds the code to the histories
// in testdata/histories; a change that adds a branch also adds a history,
// recorded with
//
//	TEMPORAL_ADDRESS=… RECORD_HISTORIES=1 go test -run TestServer ./saga
package saga
