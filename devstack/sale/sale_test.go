package sale

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"
	"time"
)

// newTestSale has two products, one of them scarce, and the drop.
func newTestSale(s *fakeShop, out *bytes.Buffer) Config {
	return Config{
		URL: s.url, Secret: "secret", Speed: 1000, Out: out, Buyers: 10,
		Products: []Product{{ID: "rare", Stock: 1}, {ID: "common", Stock: 1000}},
		Drop:     Product{ID: "drop", Stock: 3},
	}
}

func TestSaleEndsWhenTheLastBuyerHasLeft(t *testing.T) {
	s, out := newFakeShop(t), &bytes.Buffer{}
	s.window = 100 * time.Millisecond
	cfg := newTestSale(s, out)
	cfg.Visits = 40
	got, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got.Placed+got.SoldOut+got.Refused < cfg.Visits || got.Placed != got.Confirmed+got.Failed+got.Cancelled {
		t.Errorf("unfinished: %+v", got)
	}
	if s.most > cfg.Buyers {
		t.Errorf("%d orders were open at once, want %d at most", s.most, cfg.Buyers)
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); !strings.Contains(lines[len(lines)-1], "placed") {
		t.Errorf("the last line is %q", lines[len(lines)-1])
	}
}

func TestSaleEndsWithItsContext(t *testing.T) {
	s := newFakeShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // once somebody has ordered, however long that takes
		for !s.watched() && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	got, err := Run(ctx, newTestSale(s, &bytes.Buffer{}))
	if err != nil || got.Placed == 0 {
		t.Errorf("%+v, %v; want orders and no error", got, err)
	}
}

func TestSaleWithoutAServiceDoesNotBegin(t *testing.T) {
	s := newFakeShop(t)
	cfg := newTestSale(s, &bytes.Buffer{})
	cfg.URL = "http://127.0.0.1:0"
	if _, err := Run(t.Context(), cfg); err == nil {
		t.Error("no error")
	}
}

func TestOpeningRestoresWhatWasSoldBefore(t *testing.T) {
	s := newFakeShop(t)
	s.units["drop"], s.units["rare"], s.sold = 0, 0, 7
	if err := newSale(newTestSale(s, nil)).open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.units["drop"] != 3 || s.units["rare"] != 1 {
		t.Errorf("%d of the drop and %d of the rare one, want 3 and 1", s.units["drop"], s.units["rare"])
	}
}

func TestFatesAreDrawnInProportion(t *testing.T) {
	const draws = 20_000
	var got [leaves + 1]int
	for range draws {
		got[drawFate()]++
	}
	for f, percent := range []float64{pays: 60, declines: 12, cancels: 10, leaves: 18} {
		if share := 100 * float64(got[f]) / draws; math.Abs(share-percent) > 3 {
			t.Errorf("fate %d: %.1f %%, want about %.0f %%", f, share, percent)
		}
	}
}

func TestTheCrowdComesForTheOpening(t *testing.T) {
	c := calendar{buyers: 300}
	arrived := func(from, to time.Duration) (n float64) {
		for at := from; at < to; at += step {
			n += c.rate(at) * step.Seconds()
		}
		return n
	}
	for _, phase := range []struct {
		name     string
		from, to time.Duration
		low      float64
		high     float64
	}{
		{"preview", 0, preview, 20, 40},
		{"opening", preview, preview + 4*fade, 330, 370},
		{"calm", preview + 5*fade, preview + between, 30, 50},
		{"restock", preview + between, preview + between + 4*fade, 100, 140},
	} {
		if n := arrived(phase.from, phase.to); n < phase.low || n > phase.high {
			t.Errorf("%s: %.0f buyers, want %.0f to %.0f", phase.name, n, phase.low, phase.high)
		}
	}
}
