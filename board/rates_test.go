package board

import (
	"testing"
	"time"

	"order-service/order"
)

func TestRatesLookBackOverOneWindow(t *testing.T) {
	var r rates
	at := time.Unix(1000, 0)
	sample := func(accepted ...uint64) intake {
		at = at.Add(time.Second)
		return r.intake(sample{Counts{
			Bounds: []time.Duration{time.Millisecond, 2 * time.Millisecond}, Accepted: accepted,
			Refused: map[order.Code]uint64{order.CodeSoldOut: accepted[0]},
		}, at})
	}
	if got := sample(1000, 0, 0); got.PerSecond != nil || got.P50MS != nil || got.RefusedPerSecond != nil {
		t.Errorf("one sample gives %+v", got)
	}
	if got := sample(1000, 0, 0); *got.PerSecond != 0 || got.P50MS != nil || got.RefusedPerSecond[order.CodeSoldOut] != 0 {
		t.Errorf("no orders give %+v", got)
	}
	got := sample(1000, 10, 0)
	if *got.PerSecond != 5 || *got.P50MS != 1.5 || *got.P99MS != 1.99 {
		t.Errorf("ten orders of two seconds give %v, %v, %v", *got.PerSecond, *got.P50MS, *got.P99MS)
	}
	for range 6 {
		got = sample(1000, 10, 0)
	}
	if *got.PerSecond != 0 {
		t.Errorf("%v orders per second after the window", *got.PerSecond)
	}
	if got = sample(1000, 10, 5); *got.P99MS != 2 {
		t.Errorf("orders above every bound give %v", *got.P99MS)
	}
	if len(r.samples) > 7 {
		t.Errorf("%d samples are kept", len(r.samples))
	}
}
