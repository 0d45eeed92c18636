package sse

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// What a stream is sent besides progress. An event needs a data line, or
// EventSource does not dispatch it; the empty id of reset makes a client forget
// a Last-Event-ID that made no sense.
var (
	heartbeat  = []byte(":\n\n")
	resetFrame = []byte("event: reset\nid:\ndata: {}\n\n")
)

func retryFrame(milliseconds int) []byte {
	return fmt.Appendf(nil, "retry: %d\n\n", milliseconds)
}

func reauthFrame(expiresAt time.Time) []byte {
	return fmt.Appendf(nil, "event: reauth\ndata: {\"expiresAt\":%q}\n\n", expiresAt.UTC().Format(time.RFC3339))
}

// event is a progress event with its JSON, which every frame made of it shares
// in content but not in id.
type event struct {
	order.ProgressEvent
	json []byte
}

func encode(e order.ProgressEvent) (event, error) {
	data, err := order.EncodeJSON(e)
	if err != nil {
		return event{}, fmt.Errorf("encode event %d of order %s: %w", e.Seq, e.OrderID, err)
	}
	return event{e, data}, nil
}

// frame is an event as the streams of one topic are sent it. The bytes are
// shared by all of them and never written to.
type frame struct {
	orderID uuid.UUID
	seq     int64
	final   bool
	data    []byte
}

// frame gives e the id that a client of t sends back as Last-Event-ID. JSON has
// no raw line breaks, so one data line holds it.
func (e event) frame(t topic) frame {
	data := make([]byte, 0, len(e.json)+len("event: progress\nid: :\ndata: \n\n")+36+20)
	data = append(data, "event: progress\nid: "...)
	if !t.ofOrder() {
		data = append(data, e.OrderID.String()...)
		data = append(data, ':')
	}
	data = strconv.AppendInt(data, e.Seq, 10)
	data = append(data, "\ndata: "...)
	data = append(data, e.json...)
	data = append(data, "\n\n"...)
	return frame{e.OrderID, e.Seq, e.Status.Final(), data}
}

func frames(events []order.ProgressEvent, t topic) ([]frame, error) {
	all := make([]frame, 0, len(events))
	for _, e := range events {
		encoded, err := encode(e)
		if err != nil {
			return nil, err
		}
		all = append(all, encoded.frame(t))
	}
	return all, nil
}
