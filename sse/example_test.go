package sse_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/google/uuid"

	"order-service/order"
	"order-service/sse"
)

// A client comes back with Last-Event-ID: 2. What it missed is read from the
// database, what happens meanwhile is held by the hub: it gets each once.
func ExampleHub_Serve() {
	hub := sse.NewHub(sse.Config{})
	defer hub.Close(context.Background())
	id := uuid.New()
	event := func(seq int64, status order.Status) order.ProgressEvent {
		return order.ProgressEvent{OrderID: id, UserID: "ann", Seq: seq, Status: status}
	}

	missed := event(3, order.PaymentPending)
	stream, _ := hub.JoinOrder(id, "ann") // first, so that nothing falls between
	hub.Publish(missed)                   // it happens just then, and the read finds it too
	client, conn := net.Pipe()            // what the HTTP server hands over
	go hub.Serve(conn, stream, sse.Opening{Events: []order.ProgressEvent{missed}, After: 2})

	lines := bufio.NewScanner(client)
	for lines.Scan() {
		if seq, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			fmt.Println("event", seq)
			if seq == "3" {
				hub.Publish(event(4, order.Confirmed)) // the last one ends the stream
			}
		}
	}
	// Output:
	// event 3
	// event 4
}
