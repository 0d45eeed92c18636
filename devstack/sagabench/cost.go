package main

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
)

// cost is what the server keeps of a workflow, on average.
type cost struct {
	Events      float64 `json:"events"`      // of its history
	Tasks       float64 `json:"tasks"`       // workflow tasks that were completed
	Transitions float64 `json:"transitions"` // of its state: each is a write
}

// sampled is how many workflows are looked at.
const sampled = 20

// cost looks at some of n workflows.
func (s *stand) cost(ctx context.Context, n int, id func(int) string) (sum cost, err error) {
	looks := min(n, sampled)
	for i := range looks {
		c, err := s.costOf(ctx, id(i*n/looks))
		if err != nil {
			return cost{}, err
		}
		sum.Events += c.Events
		sum.Tasks += c.Tasks
		sum.Transitions += c.Transitions
	}
	of := float64(looks)
	return cost{Events: sum.Events / of, Tasks: sum.Tasks / of, Transitions: sum.Transitions / of}, nil
}

func (s *stand) costOf(ctx context.Context, id string) (c cost, err error) {
	seen, err := s.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return c, err
	}
	c.Events = float64(seen.GetWorkflowExecutionInfo().GetHistoryLength())
	c.Transitions = float64(seen.GetWorkflowExecutionInfo().GetStateTransitionCount())
	history := s.temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return c, err
		}
		if event.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			c.Tasks++
		}
	}
	return c, nil
}
