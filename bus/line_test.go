package bus

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"order-service/order"
)

func TestAPlaceInTheLineIsWhatWasProducedBeforeAndNotConsumed(t *testing.T) {
	begin := time.Now()
	at := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }
	l := &Line{}
	if _, known := l.Position(begin); known {
		t.Error("a line that was never seen knows a place")
	}
	l.add(lineSample{at(0), 1000, 1000})
	l.add(lineSample{at(1), 3000, 1100})
	l.add(lineSample{at(2), 3000, 1200})
	for _, c := range []struct {
		accepted float64
		ahead    int64
		wait     time.Duration
		known    bool
	}{
		{-0.1, 0, 0, false},
		{0, 0, 0, true}, // consumed by now
		{0.5, 800, 8 * time.Second, true},
		{1, 1800, 18 * time.Second, true},
		{2, 1800, 18 * time.Second, true},
		{2.1, 0, 0, false}, // not produced yet, perhaps
	} {
		place, known := l.Position(at(c.accepted))
		if place.Ahead != c.ahead || place.Wait != c.wait || known != c.known {
			t.Errorf("accepted at %v: %+v, %v; want %+v", c.accepted, place, known, c)
		}
	}
	if place, known := l.Length(); place.Ahead != 1800 || place.Wait != 18*time.Second || !known {
		t.Errorf("length %+v, %v", place, known)
	}
}

func TestAPlaceInTheLineNeverGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := &Line{}, time.Now()
		places := map[time.Time]int64{}
		var produced, consumed int64
		for range rapid.IntRange(2, 40).Draw(t, "seconds") {
			now = now.Add(time.Duration(rapid.IntRange(900, 5000).Draw(t, "ms")) * time.Millisecond)
			produced += rapid.Int64Range(0, 1000).Draw(t, "produced")
			consumed = min(produced, rapid.Int64Range(0, 20_000).Draw(t, "consumed")) // a group may begin anew
			l.add(lineSample{now, produced, consumed})
			places[now.Add(-time.Duration(rapid.IntRange(0, 800).Draw(t, "accepted"))*time.Millisecond)] = 1 << 40
			for accepted, was := range places {
				place, known := l.Position(accepted)
				if !known {
					continue
				}
				if place.Ahead > was {
					t.Fatalf("%d before, and earlier %d", place.Ahead, was)
				}
				places[accepted] = place.Ahead
			}
		}
	})
}

func TestTheLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Line{}
		for range lineMax + 10 {
			l.add(lineSample{at: time.Now()})
			time.Sleep(lineEvery)
		}
		if n := len(l.samples); n != lineMax || cap(l.samples) > 2*lineMax {
			t.Errorf("%d samples in %d", n, cap(l.samples))
		}
	})
}

func TestTheLineOfATopicThatWasMadeAnewIsSeen(t *testing.T) {
	begin := time.Now()
	l := &Line{}
	l.add(lineSample{begin, 5000, 5000})
	l.add(lineSample{begin.Add(time.Second), 100, 0})
	l.add(lineSample{begin.Add(2 * time.Second), 110, 10})
	want := order.Position{Ahead: 100, Wait: 10 * time.Second}
	if place, known := l.Length(); place != want || !known {
		t.Errorf("length %+v, %v; want %+v", place, known, want)
	}
}
