package saga

import (
	"testing"
	"unsafe"

	"go.temporal.io/sdk/worker"
)

func TestAWorkerHasTheSlotsOfItsSettings(t *testing.T) {
	t.Parallel()
	s := WorkerConfig{Tasks: 2, Calls: 3}.slots()
	for name, c := range map[string]struct{ got, want int }{
		"workflow tasks":   {s.GetWorkflowTaskSlotSupplier().MaxSlots(), 2},
		"local activities": {s.GetLocalActivitySlotSupplier().MaxSlots(), 2},
		"activities":       {s.GetActivityTaskSlotSupplier().MaxSlots(), 3},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d slots, want %d", name, c.got, c.want)
		}
	}
}

// A stack that grows is another one, and all that is on it has moved.
func TestTheStackOfAWorkflowTaskDoesNotGrow(t *testing.T) {
	t.Parallel()
	slots := WorkerConfig{Tasks: 1, Calls: 1}.slots()
	stays := func(supplier worker.SlotSupplier) (n int) {
		for range 10 { // the collector may have made it small again
			moved := make(chan bool)
			go func() {
				var here byte
				supplier.MarkSlotUsed(nil)
				before := uintptr(unsafe.Pointer(&here))
				visit(9)
				moved <- before != uintptr(unsafe.Pointer(&here))
			}()
			if !<-moved {
				n++
			}
		}
		return n
	}
	if n := stays(slots.GetWorkflowTaskSlotSupplier()); n == 0 {
		t.Error("the stacks of ten workflow tasks grew")
	}
	if n := stays(slots.GetLocalActivitySlotSupplier()); n > 0 {
		t.Errorf("%d stacks as the runtime makes them did not grow: what is this test for?", n)
	}
}

// visit needs as much stack as the SDK's look for payloads.
//
//go:noinline
func visit(deep int) (sum int) {
	var variables [7600]byte
	for i := range variables {
		variables[i] = byte(deep)
	}
	if deep > 1 {
		sum = visit(deep - 1)
	}
	return sum + int(variables[deep])
}
