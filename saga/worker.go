package saga

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"

	"order-service/failpoint"
	"order-service/retry"
)

const (
	// stopTimeout applies to workflow tasks, local activities and provider
	// calls one after the other; what is cut off runs again elsewhere.
	stopTimeout = 3 * time.Second
	// deadlock is how long workflow code may run without yielding. The SDK's
	// second is too little on a machine short of CPU.
	deadlock = 5 * time.Second

	// lasting is how long a worker ran that was well: its failure is a new one.
	lasting = 15 * time.Second
)

// Worker runs the workflows and activities of a task queue.
type Worker struct {
	client  *Client
	cfg     WorkerConfig
	steps   *activities
	ctx     context.Context // done when Stop was called
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// NewWorker returns a Worker on c's task queue. Start starts it.
func NewWorker(c *Client, cfg WorkerConfig, d Deps) *Worker {
	cfg = cfg.complete()
	nameBuild()
	// The SDK keeps one cache for all workers of a process; this is its size.
	worker.SetStickyWorkflowCacheSize(cfg.Cached)
	if failpoint.Enabled {
		d.Publisher = movedFaults{d.Publisher}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Worker{
		client: c,
		cfg:    cfg,
		steps:  &activities{Deps: d, refunds: c, log: c.cfg.Log, now: time.Now, patience: initiatePatience},
		ctx:    ctx,
		cancel: cancel,
	}
}

// Start begins to work in the background and keeps at it until Stop: while
// Temporal or its namespace is missing it logs so and tries again.
func (w *Worker) Start() { w.running.Go(w.run) }

// Stop takes no more tasks, lets those in hand end, and returns when all has
// stopped. It may be called more than once.
func (w *Worker) Stop() {
	w.cancel()
	w.running.Wait()
}

// Ping returns nil while the worker polls its task queue.
func (w *Worker) Ping(context.Context) error {
	if !w.client.working.Load() {
		return errors.New("the saga worker does not poll")
	}
	return nil
}

// run keeps an SDK worker running. One that failed cannot be started again, so
// each attempt has a new one.
func (w *Worker) run() {
	for failures := 0; ; failures++ {
		began := time.Now()
		err := w.serve()
		if w.ctx.Err() != nil {
			return
		}
		if time.Since(began) > lasting {
			failures = 0
		}
		pause := retry.Pause(failures)
		w.client.cfg.Log.Warn().Err(err).Dur("retryIn", pause).Msg("the saga worker is not running")
		if !retry.Sleep(w.ctx, pause) {
			return
		}
	}
}

// serve runs one SDK worker until Stop, which is no error, or until it fails.
func (w *Worker) serve() error {
	if err := w.client.Ping(w.ctx); err != nil {
		return err
	}
	fatal := make(chan error, 1)
	sdk := worker.New(w.client.temporal, w.client.cfg.TaskQueue, w.options(fatal))
	sdk.RegisterWorkflow(OrderWorkflow)
	sdk.RegisterWorkflow(RefundWorkflow)
	sdk.RegisterActivity(w.steps)
	defer sdk.Stop()
	if err := sdk.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	w.client.working.Store(true)
	defer w.client.working.Store(false)
	select {
	case <-w.ctx.Done():
		return nil
	case err := <-fatal:
		return fmt.Errorf("worker failed: %w", err)
	}
}

// options hands a fatal error of the worker, such as a deleted namespace, to
// the channel, which must have room for it.
func (w *Worker) options(fatal chan<- error) worker.Options {
	o := worker.Options{
		WorkflowTaskPollerBehavior: pollers(w.cfg.Pollers),
		ActivityTaskPollerBehavior: pollers(w.cfg.Pollers),
		Tuner:                      w.cfg.slots(),
		WorkerStopTimeout:          stopTimeout,
		DeadlockDetectionTimeout:   deadlock,
		OnFatalError:               func(err error) { fatal <- err },
	}
	if w.steps.Step != nil {
		o.Interceptors = append(o.Interceptors, &stepMeter{report: w.steps.Step})
	}
	if failpoint.Enabled {
		o.Interceptors = append(o.Interceptors, &activityFaults{})
	}
	return o
}
