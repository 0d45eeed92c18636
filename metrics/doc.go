// Package metrics is Prometheus: every instrument of the service, its name, its
// labels and its buckets. The other folders do not know it. Each declares what
// it reports as a few methods or a func beside its use, and main plugs the
// fields of [Metrics] in.
//
// Labels are bounded: routes and not paths, codes and not messages, activities,
// statuses; never an id, a user or a product. What is reported for every order
// finds its instrument by a field or a read-only map.
//
// Two kinds of figures are told apart. Those of a process (requests, intake,
// pools, streams) are exported by every process: sum them. Those of the whole
// system (orders, outbox, lag, payments, the gate) are read from the backends at
// the scrape, and exported only by the process that leads the upkeep, so each
// exists once and their cost does not grow with the replicas: who reads them
// takes the maximum and need not know the leader. docs/metrics.md lists all.
//
// The sale board shows the same instruments: Intake.Sample reads what the scrape
// reads.
package metrics

//go:generate go test -count=1 -run TestReferenceTellsOfEveryMetric . -write
