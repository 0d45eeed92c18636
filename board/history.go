package board

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"order-service/order"
)

// maxPoints is how many points are kept: five minutes of them.
const maxPoints = 300

// encoded is a point as it is sent and as it is kept.
type encoded struct {
	at    time.Time
	frame []byte // of the stream
	kept  []byte // JSON without what no chart shows: five minutes of every product would be megabytes
}

func encode(p point) (encoded, error) {
	whole, err := order.EncodeJSON(p)
	p.Products = []product{}
	kept, keptErr := order.EncodeJSON(p)
	return encoded{p.At.Time, fmt.Appendf(nil, "event: board\ndata: %s\n\n", whole), kept}, errors.Join(err, keptErr)
}

// history is the last points, oldest first. Its board's lock guards it.
type history struct {
	points []encoded // only the last one has its frame
}

func (h *history) add(e encoded) {
	if last := len(h.points) - 1; last >= 0 {
		h.points[last].frame = nil
	}
	h.points = append(h.points, e)
	if over := len(h.points) - maxPoints; over > 0 {
		h.points = append(h.points[:0], h.points[over:]...)
	}
}

// opening is what a stream begins with: the points that are not too old, and
// the newest as the present one unless the next is due.
func (h *history) opening(now time.Time) []byte {
	old, newest := h.points, []byte(nil)
	if last := len(old) - 1; last >= 0 && now.Sub(old[last].at) < 2*every {
		old, newest = old[:last], old[last].frame
	}
	var kept [][]byte
	for _, p := range old {
		if now.Sub(p.at) <= maxPoints*every {
			kept = append(kept, p.kept)
		}
	}
	opening := fmt.Appendf(nil, "retry: %d\n\nevent: history\ndata: [%s]\n\n", 1000+rand.IntN(3001), bytes.Join(kept, []byte(",")))
	return append(opening, newest...)
}
