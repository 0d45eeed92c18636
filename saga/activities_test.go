package saga

import (
	"bytes"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
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

// The moves that take an order to where it was are part of the step that found it lost.
func TestAStepThatFailsWhileItRestoresItsOrderIsLoggedOnce(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Reserve", "RequestPayment", "Publish"} {
		s := newShop(1)
		known := *s.orders[s.accept()]
		known.Status, known.Seq, known.PaymentID = order.PaymentPending, 3, asked(known.ID)
		s.fail(method, 1, errDown)
		var log bytes.Buffer
		a := &activities{Deps: s.deps(), refunds: s, log: zerolog.New(&log), now: time.Now}
		_, err := a.Confirm(t.Context(), known, s.pay(known.ID, "a"), false)
		if n := bytes.Count(log.Bytes(), []byte("saga step failed")); err == nil || n != 1 {
			t.Errorf("%s: %v, logged %d times:\n%s", method, err, n, &log)
		}
	}
}
