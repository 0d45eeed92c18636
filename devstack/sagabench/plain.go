package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// emptyWorkflow costs what any workflow costs.
func emptyWorkflow(workflow.Context) error { return nil }

// paid is the signal that the plain workflow waits for.
const paid = "paid"

// stepsWorkflow has a saga's shape with nothing done in it: reserve, initiate
// and request the payment, wait for it or for the end of the window, confirm.
func stepsWorkflow(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
	for range 3 {
		if err := workflow.ExecuteActivity(ctx, step).Get(ctx, nil); err != nil {
			return err
		}
	}
	window, end := workflow.WithCancel(ctx)
	selector := workflow.NewSelector(ctx)
	selector.AddFuture(workflow.NewTimer(window, time.Hour), func(workflow.Future) {})
	selector.AddReceive(workflow.GetSignalChannel(ctx, paid), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	selector.Select(ctx)
	end()
	return workflow.ExecuteActivity(ctx, step).Get(ctx, nil)
}

func step(context.Context) error { return nil }

// How the plain workflows are driven: as many requests at a time as
// order-service's consumer sends, and a worker with pollers to spare.
const (
	startsAtOnce = 64
	plainPollers = 16
)

// plain starts workflows and works on them, all in this process.
type plain struct {
	queue  string
	client client.Client
	worker worker.Worker

	waiting, ended atomic.Int64 // workflow tasks that began to wait, or completed their workflow
}

func (s *stand) openPlain(ctx context.Context, name string) (*plain, error) {
	p := &plain{queue: "sagabench." + s.run + "." + name}
	var err error
	p.client, err = client.DialContext(ctx, client.Options{
		HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: namespace, Logger: quiet(),
		ConnectionOptions: client.ConnectionOptions{
			GrpcCompression: &client.GrpcCompressionNone{}, // as order-service has it
			DialOptions:     []grpc.DialOption{grpc.WithChainUnaryInterceptor(p.count)},
		},
	})
	if err != nil {
		return nil, err
	}
	p.worker = worker.New(p.client, p.queue, worker.Options{
		MaxConcurrentWorkflowTaskPollers: plainPollers, MaxConcurrentActivityTaskPollers: plainPollers,
	})
	p.worker.RegisterWorkflow(emptyWorkflow)
	p.worker.RegisterWorkflow(stepsWorkflow)
	p.worker.RegisterActivity(step)
	if err := p.worker.Start(); err != nil {
		p.client.Close()
		return nil, fmt.Errorf("the plain worker: %w", err)
	}
	return p, nil
}

func (p *plain) close() {
	p.worker.Stop()
	p.client.Close()
}

// count sees what the server has taken: to ask for each workflow's end would
// cost more than a workflow.
func (p *plain) count(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, conn, opts...)
	if task, ok := req.(*workflowservice.RespondWorkflowTaskCompletedRequest); ok && err == nil {
		for _, command := range task.Commands {
			switch command.CommandType {
			case enumspb.COMMAND_TYPE_START_TIMER:
				p.waiting.Add(1)
			case enumspb.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
				p.ended.Add(1)
			}
		}
	}
	return err
}

// start starts n workflows. They are told apart from those of other rounds.
func (p *plain) start(ctx context.Context, round, n int, workflow any) error {
	return each(ctx, n, func(ctx context.Context, i int) error {
		_, err := p.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: p.id(round, i), TaskQueue: p.queue}, workflow)
		return err
	})
}

func (p *plain) signal(ctx context.Context, round, n int) error {
	return each(ctx, n, func(ctx context.Context, i int) error {
		return p.client.SignalWorkflow(ctx, p.id(round, i), "", paid, nil)
	})
}

func (p *plain) id(round, i int) string { return fmt.Sprintf("%s.%d.%d", p.queue, round, i) }

// each calls f for 0 to n-1, startsAtOnce at a time.
func each(ctx context.Context, n int, f func(context.Context, int) error) error {
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(startsAtOnce)
	for i := range n {
		calls.Go(func() error { return f(ctx, i) })
	}
	return calls.Wait()
}
