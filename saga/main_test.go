package saga

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks away from what the SDK's test environment makes of an update that
// comes in the moment in which the workflow returns: a coroutine that never begins.
// A worker gets updates with a task, and what it begins it ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.temporal.io/sdk/internal.(*coroutineState).initialYield"))
}
