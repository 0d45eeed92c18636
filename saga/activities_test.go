package saga

import (
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// Until it is settled a reserved order counts twice in the gate, so buyers of
// the last units must not wait for Kafka.
func TestGateIsSettledWhileTheChangeIsPublished(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	id := s.accept()
	settled := make(chan struct{})
	s.hooks["Settle"] = func() { close(settled) }
	s.hooks["Publish"] = func() {
		select {
		case <-settled:
		case <-time.After(patience):
			t.Error("the gate waits for Kafka")
		}
	}
	a := &activities{Deps: s.deps(), refunds: s, log: zerolog.Nop(), now: time.Now}
	if m, err := a.Reserve(t.Context(), *s.orders[id]); err != nil || m.Refusal != "" {
		t.Errorf("%+v, %v", m, err)
	}
}
