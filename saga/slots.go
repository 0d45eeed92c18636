package saga

import "go.temporal.io/sdk/worker"

// slots limit how much a worker does at a time. Those for workflow tasks are roomy.
type slots struct{ worker.WorkerTuner }

// slots are those that c, which is complete, has.
func (c WorkerConfig) slots() worker.WorkerTuner {
	tuner, _ := worker.NewFixedSizeTuner(worker.FixedSizeTunerOptions{ // it fails for negative numbers
		NumWorkflowSlots: c.Tasks, NumLocalActivitySlots: c.Tasks, NumActivitySlots: c.Calls,
	})
	return slots{tuner}
}

// GetWorkflowTaskSlotSupplier implements worker.WorkerTuner.
func (s slots) GetWorkflowTaskSlotSupplier() worker.SlotSupplier {
	return roomy{s.WorkerTuner.GetWorkflowTaskSlotSupplier()}
}

// roomy are slots whose goroutines have a large stack from the beginning.
type roomy struct{ worker.SlotSupplier }

// MarkSlotUsed is called by the goroutine that is about to work on a task.
func (r roomy) MarkSlotUsed(info worker.SlotMarkUsedInfo) {
	growStack(false)
	r.SlotSupplier.MarkSlotUsed(info)
}

// room, in bytes, is what growStack asks for: a stack with it has 128 KB, as stacks
// double.
const room = 80 << 10

// growStack gives its goroutine a large stack at once. The SDK looks for payloads
// in each message that it sends and receives, by a function that calls itself and
// has 7.6 KB of variables, nine deep (visitPayloads in go.temporal.io/api/proxy). A
// new goroutine's stack doubles four times in there, and each time every call on it
// has to be looked at. franz-go and CockroachDB (util/growstack) do the same.
//
// A call needs room for all its variables, also for those that are not reached.
//
//go:noinline
func growStack(reached bool) {
	if reached {
		var variable [room]byte
		use(&variable)
	}
}

//go:noinline
func use(*[room]byte) {}
