package sse

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

func TestWhoWaitsInTheLineIsToldTheirPlaceUntilTheirTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id, ahead := uuid.Must(uuid.NewV7()), int64(400)
		var asked []time.Time
		h := NewHub(Config{Position: func(accepted time.Time) (order.Position, bool) {
			asked = append(asked, accepted)
			ahead -= 100
			return order.Position{Ahead: ahead, Wait: time.Duration(ahead) * 15 * time.Millisecond}, ahead < 300
		}})
		s := joinOrder(t, h, id)
		c := serve(t, h, s, Opening{Events: []order.ProgressEvent{{OrderID: id, Seq: 1, Status: order.Pending}}}, pipe)
		time.AfterFunc(12*time.Second, func() {
			h.Publish(order.ProgressEvent{OrderID: id, Seq: 2, Status: order.InventoryReserved})
		})
		time.AfterFunc(20*time.Second, func() {
			h.Publish(order.ProgressEvent{OrderID: id, Seq: 3, Status: order.Cancelled})
		})
		var places []string
		for _, m := range readAll(t, c) {
			if m.event == "position" {
				places = append(places, m.data)
			}
			if m.event == "position" && m.id != "" {
				t.Errorf("a position has the id %q", m.id)
			}
		}
		want := []string{
			`{"orderId":"` + id.String() + `","position":200,"estimatedSeconds":3}`,
			`{"orderId":"` + id.String() + `","position":100,"estimatedSeconds":2}`,
			`{"orderId":"` + id.String() + `","position":0}`,
		}
		if !slices.Equal(places, want) {
			t.Errorf("told %q, want %q", places, want)
		}
		if sec, nsec := id.Time().UnixTime(); !asked[0].Equal(time.Unix(sec, nsec)) {
			t.Errorf("asked about %v", asked[0])
		}
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
