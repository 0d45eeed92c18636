// Package bus joins the service to Kafka: the relay publishes what the intake
// committed, the consumer starts a saga for every reservation, PublishProgress
// writes an order's changes and the tail reads them back for browsers.
//
// Everything is delivered at least once. A record may appear twice after a
// lost reply, a crash or a rebalance, and its readers are made for it: a saga
// that has been started is a success, and a stream drops a seq it has seen.
//
// Three kinds of kgo client are kept apart, because each blocks for reasons of
// its own: one producer for the process, one for a consumer's membership of
// the group, one for a tail that belongs to no group.
//
// Non-obvious:
//
//   - kgo looks at a record's context only between requests, and only at that
//     of the first record of a batch. produce therefore waits beside kgo and
//     leaves at its own deadline; a record left behind is bounded by kgo's
//     buffer and may still be delivered.
//   - A row of the outbox belongs to one relay while its lease lasts, so a
//     batch is not sent once its lease has ended.
//   - Batches are published in rounds, one at a time and some time apart
//     (backlog.go), and deleted in groups (deleter.go): what costs is a request,
//     a partition's batch, a statement, and hardly a record.
//   - A broker refuses all that it is sent for a partition, so what it refuses
//     is sent once more in smaller company (round.go).
//   - A poll holds up the group's rebalance until AllowRebalance. The consumer
//     gives up a poll long before the group would give up the consumer.
//   - kgo keeps a broker's refusal to give a producer its id, and fails with it
//     all that it is given from then on. renew replaces the client.
//   - kgo never adopts a topic that was deleted and made anew: producing fails
//     with UNKNOWN_TOPIC_ID until the topic is purged, reading until there is a
//     new client. repair, Consumer.Run and Tail.Run see to that.
package bus
