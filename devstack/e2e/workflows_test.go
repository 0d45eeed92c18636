package e2e

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"order-service/order"
)

// awaitWorkflowEnd waits until Temporal has ended a workflow whose result is in
// the database. That comes first, on a busy machine by seconds: till then the
// workflow is not one that could be begun anew.
func (s *shop) awaitWorkflowEnd(id string) {
	s.t.Helper()
	conn, err := grpc.NewClient(s.env["TEMPORAL_ADDRESS"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	temporal := workflowservice.NewWorkflowServiceClient(conn)
	of := &workflowservice.DescribeWorkflowExecutionRequest{Namespace: "default", Execution: &common.WorkflowExecution{WorkflowId: id}}
	s.wait("workflow "+id+" has ended", patience, func() bool {
		ctx, cancel := context.WithTimeout(s.t.Context(), patience)
		defer cancel()
		found, err := temporal.DescribeWorkflowExecution(ctx, of)
		return err == nil && found.WorkflowExecutionInfo.Status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	})
}

// awaitEnded does it for an order, if that is final.
func (s *shop) awaitEnded(id uuid.UUID) {
	s.t.Helper()
	var status order.Status
	s.ask(fmt.Sprintf(`SELECT status FROM orders WHERE order_id = '%s'`, id), &status)
	if status.Final() {
		s.awaitWorkflowEnd("order-" + id.String())
	}
}

// repaired runs --repair until nothing fails in it, and returns all that it said.
// On a busy machine Temporal may be asked in vain, and people run it again, too.
func (s *shop) repaired() (said string) {
	s.t.Helper()
	s.wait("nothing fails in a repair", patience, func() bool {
		out, err := s.run("--repair")
		if said += out; err != nil {
			s.t.Logf("repair: %v\n%s", err, out)
		}
		return err == nil
	})
	return said
}
