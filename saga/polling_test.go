package saga

import (
	"testing"
	"time"
)

func TestServerWorkerSaysWhetherItPolls(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	if s.worker.Ping(t.Context()) == nil {
		t.Error("it polls before it was started")
	}
	s.worker.Start()
	for deadline := time.Now().Add(30 * time.Second); s.worker.Ping(t.Context()) != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not poll")
		}
	}
	s.worker.Stop()
	if s.worker.Ping(t.Context()) == nil {
		t.Error("it polls after it has stopped")
	}
}
