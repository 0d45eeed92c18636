package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"order-service/devstack/load/engine"
)

// watch writes once a second what became of the lanes' requests, until ctx ends.
func watch(ctx context.Context, out *console, lanes []*lane) {
	w := &watcher{lanes: lanes, seen: make([]seen, len(lanes)), begun: time.Now()}
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for last := w.begun; ; {
		select {
		case <-ctx.Done():
			out.clear()
			return
		case now := <-clock.C:
			out.status(w.line(now.Sub(last)))
			last = now
		}
	}
}

// watcher remembers what was counted up to its last line.
type watcher struct {
	lanes []*lane
	seen  []seen
	begun time.Time
}

type seen struct {
	took     engine.Histogram
	outcomes map[engine.Outcome]uint64
}

// line is about what came since the last one.
func (w *watcher) line(since time.Duration) string {
	parts := []string{fmt.Sprintf("%4.0f s", time.Since(w.begun).Seconds())}
	for i, l := range w.lanes {
		parts = append(parts, l.name+" "+w.seen[i].next(&l.run.Tally, since))
	}
	return strings.Join(parts, "  ")
}

// next says what t has counted since the last time.
func (s *seen) next(t *engine.Tally, since time.Duration) string {
	took := t.Of(engine.Any).FromDue.Since(&s.took)
	parts := []string{fmt.Sprintf("%.0f/s p99 %.1f ms", perSecond(took.Count(), since), ms(took.Quantile(.99)))}
	counts := map[engine.Outcome]uint64{}
	for _, o := range t.Outcomes() {
		counts[o] = t.Count(func(x engine.Outcome) bool { return x == o })
		if n := counts[o] - s.outcomes[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", nameOf(o.Status, o.Code), n))
		}
	}
	s.took.Add(took)
	s.outcomes = counts
	return strings.Join(parts, "  ")
}
