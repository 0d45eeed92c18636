// Package sse sends progress events to browsers as server-sent events (HTML
// Living Standard, section 9.2) over connections taken from an HTTP server. It
// knows neither the server nor Kafka: a handler hands it a net.Conn, the tail
// of order.progress hands it events.
//
// # A stream's life
//
// Join puts a Stream into the Hub, where it holds live events. The handler then
// reads the order from the database and calls Serve with what it read. Serve
// sends that first and the held events after it, each with a seq greater than
// what the client has. Because the join comes before the read, no event falls
// between the two; because seqs are compared, none is sent twice.
//
// While nothing happens a stream is one goroutine parked in conn.Read, which
// returns at once when the client goes away. A second goroutine writes, and
// exists only while there is something to write. Publish never waits for a
// client: a stream whose buffer is full is disconnected, and the browser comes
// back with Last-Event-ID.
//
// # Lock order
//
// Hub.mu, then shard.mu, then Stream.mu. Nothing is read, written, encoded or
// fetched under any of them; setting a deadline, shutting down the write side
// of a socket and the hundred bytes of a position do not wait and are done under
// Stream.mu.
package sse
