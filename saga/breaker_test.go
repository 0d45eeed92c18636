package saga

import (
	"testing"
	"time"
)

func TestOneTryFindsOutForAllWhetherTheBreakerMayClose(t *testing.T) {
	t.Parallel()
	var b breaker
	now := time.Now()
	b.record(now, false)
	if b.allow(now.Add(openFor - 1)) {
		t.Error("asked too early")
	}
	later := now.Add(openFor)
	if !b.allow(later) {
		t.Error("nobody asks when the time has come")
	}
	if b.allow(later) {
		t.Error("a second one asks")
	}
	b.record(later, true)
	for range 2 {
		if !b.allow(later) {
			t.Error("one who was in time is not asked")
		}
	}
}
