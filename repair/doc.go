// Package repair drives on what was left behind: orders that no workflow
// drives, payments that were neither applied nor refunded, and the gate. What
// verify finds, repair ends.
//
// Nothing waits for a person. The leader of the upkeep looks through open
// orders and unfinished payments all the time, a page of each a minute; a
// person who does not want to wait for that does all of it at once with
// --repair. Either way every step is one that the service itself may repeat, so
// two at a time do no harm.
//
// An order can lose its workflow in three ways: its reservation record was lost
// with Kafka's disk, an operator terminated the workflow or it failed for good,
// or Postgres was restored or failed over to a state that is older than the
// workflow's end. In the last case the workflow is COMPLETED, and only a start
// that says so begins another, which is told of the payment that the last one was
// told of: it is lost with the rest, and the next failover must find a workflow that
// knows of it. A refund can lose its end in the same way. So
// a payment is passed on to its order only where no refund of it has ever begun, and
// is given back otherwise.
package repair
