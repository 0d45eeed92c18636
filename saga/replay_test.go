package saga

import (
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"go.temporal.io/sdk/worker"
)

// TestReplay holds the workflow code to the commands of runs that were
// recorded with older code: an order in flight must survive a deployment.
func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/histories/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			// A machine that compiles beside the tests may keep a workflow for a second.
			replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
			if err != nil {
				t.Fatal(err)
			}
			replayer.RegisterWorkflow(OrderWorkflow)
			replayer.RegisterWorkflow(RefundWorkflow)
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(logger{zerolog.Nop()}, file); err != nil {
				t.Error(err)
			}
		})
	}
}
