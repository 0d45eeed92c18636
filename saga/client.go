package saga

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"order-service/order"
	"order-service/tracing"
)

// rpcTimeout bounds one request to Temporal including the SDK's own retries,
// so that an outage is reported while the caller still waits for the answer.
const rpcTimeout = 5 * time.Second

// reportTimeout bounds how long an update waits for a worker to take it, some
// round trips where one is idle. What is left of rpcTimeout is for the signal.
const reportTimeout = 3 * time.Second

// A line that has fallen silent is given up keepAliveTimeout after something was
// sent over it; one on which nothing is, is asked after keepAliveTime, and servers
// do not like to be asked more often.
const (
	keepAliveTime    = 10 * time.Second
	keepAliveTimeout = 5 * time.Second
)

// Config says which Temporal to use and how long a buyer has to pay.
type Config struct {
	Address        string // host:port
	Namespace      string
	TaskQueue      string
	TLS            *tls.Config // nil: plain TCP
	PaymentTimeout time.Duration
	Meter          Meter           // may be nil
	Tracer         *tracing.Tracer // may be nil
	Log            zerolog.Logger

	// APIKey is asked for the key that is sent with a request, which wants TLS.
	// Nil sends none.
	APIKey func() (string, error)
}

// Client starts, signals and cancels workflows. Its errors are order.Errors:
// CodeUnavailable when Temporal could not be asked, CodeConflict when the
// order's workflow has ended and Postgres knows better, CodeValidation when
// Temporal will never accept the request.
type Client struct {
	temporal client.Client
	cfg      Config
	timeout  time.Duration // rpcTimeout
	// working is whether a worker that shares the client takes tasks: the answer to a start then
	// brings it the workflow's first task. Without one the SDK must not be asked
	// for that, because it looks up what the server can do without a lock.
	working atomic.Bool
	updates breaker // open while no worker takes them in time
}

// Dial prepares a Client. It does not connect, so it succeeds while Temporal
// is down; an error is one of configuration.
func Dial(cfg Config) (*Client, error) {
	cfg.Log = sampled(cfg.Log)
	opts := client.Options{
		HostPort:  cfg.Address,
		Namespace: cfg.Namespace,
		Logger:    logger{cfg.Log},
		// The workers that share the client trace by them, too.
		Interceptors: traced(cfg.Tracer),
		ConnectionOptions: client.ConnectionOptions{
			TLS: cfg.TLS,
			// A request is a few hundred bytes: compressing it costs more than it saves.
			GrpcCompression:  &client.GrpcCompressionNone{},
			KeepAliveTime:    keepAliveTime,
			KeepAliveTimeout: keepAliveTimeout,
			DialOptions:      connected(cfg.TLS),
		},
	}
	if cfg.Meter != nil {
		opts.MetricsHandler = sdkMeter{meter: cfg.Meter}
	}
	if cfg.APIKey != nil {
		opts.Credentials = client.NewAPIKeyDynamicCredentials(func(context.Context) (string, error) { return cfg.APIKey() })
	}
	t, err := client.NewLazyClient(opts)
	if err != nil {
		return nil, fmt.Errorf("temporal client for %s: %w", cfg.Address, err)
	}
	return &Client{temporal: t, cfg: cfg, timeout: rpcTimeout}, nil
}

// Close ends the connection.
func (c *Client) Close() { c.temporal.Close() }

// Ping reports whether Temporal answers and has the namespace.
func (c *Client) Ping(ctx context.Context) error {
	return c.call(ctx, func(ctx context.Context) error {
		_, err := c.temporal.WorkflowService().DescribeNamespace(ctx,
			&workflowservice.DescribeNamespaceRequest{Namespace: c.cfg.Namespace})
		return err
	})
}

// Start starts the saga of an accepted order. One that was started before,
// whether it runs or has ended, is success. One that an operator terminated, or
// that failed, is begun again where its order stands.
func (c *Client) Start(ctx context.Context, e order.ReservationEvent) error {
	first := c.options(orderWorkflowID(e.OrderID))
	first.EnableEagerStart = c.working.Load()
	first.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	first.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	first.WorkflowExecutionErrorWhenAlreadyStarted = true
	err := c.start(ctx, first, OrderWorkflow, c.input(e))
	if order.CodeOf(err) == order.CodeConflict { // there was one, and it has ended
		err = c.start(ctx, c.options(orderWorkflowID(e.OrderID)), OrderWorkflow, c.again(e))
	}
	return err
}

// Cancel asks o's saga to cancel the order, starting it first when the
// consumer has not. Success means that it was asked, and the outcome is in
// Postgres: for a while Temporal also takes requests for a saga that has just
// ended. CodeConflict: it ended earlier.
func (c *Client) Cancel(ctx context.Context, o order.Order) error {
	// Before the request and not after it failed, because Temporal also takes
	// one for a saga that was just terminated, and nobody would hear it.
	if err := c.Start(ctx, o.Reservation()); err != nil {
		return err
	}
	return c.cancel(ctx, o.ID)
}

// PaymentReceived tells o's saga of p, starting it first when the consumer has
// not. CodeConflict: the saga has ended; the payment's state in Postgres says
// whether it was used, and Refund is for one that was not.
func (c *Client) PaymentReceived(ctx context.Context, o order.Order, p order.Payment) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if o.Status == order.PaymentPending && c.report(ctx, p) {
		return nil
	}
	return c.signal(ctx, o, paymentReceivedSignal, p)
}

// Remind tells the order's saga once more of p, which has confirmed the order. It
// may not know: nothing keeps an update whose worker and whose caller have died at
// once, and it would wait for the end of the payment window. CodeConflict: it has
// ended, as most have.
func (c *Client) Remind(ctx context.Context, p order.Payment) error {
	return c.call(ctx, func(ctx context.Context) error {
		return c.temporal.SignalWorkflow(ctx, orderWorkflowID(p.OrderID), "", paymentReceivedSignal, p)
	})
}

// report tells a saga that waits for p by an update, and reports whether it has
// taken it: by then the order is confirmed, as a rule. Temporal hands an update to
// a worker before it writes anything, so that a payment costs it one write where a
// signal costs three. But nothing keeps what no worker takes: that has to be
// signalled, and the saga may then hear of it twice.
//
// The update has no id of ours. By one, Temporal would answer for a saga that has
// ended, or that could not use the payment when it first came.
func (c *Client) report(ctx context.Context, p order.Payment) bool {
	if !c.updates.allow(time.Now()) {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	taken, err := c.temporal.UpdateWorkflow(limited, client.UpdateWorkflowOptions{
		WorkflowID: orderWorkflowID(p.OrderID), UpdateName: paymentReport, Args: []any{p},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = taken.Get(limited, nil) // where a worker of a build without updates has rejected it
	}
	switch {
	case err == nil:
		c.updates.record(time.Now(), true)
	case limited.Err() != nil && ctx.Err() == nil: // other errors are of this order alone
		c.updates.record(time.Now(), false)
	}
	return err == nil
}

// PaymentDeclined tells o's saga that the provider declined a payment. The
// errors are those of PaymentReceived.
func (c *Client) PaymentDeclined(ctx context.Context, o order.Order, paymentID, reason string) error {
	return c.signal(ctx, o, paymentDeclinedSignal, Decline{PaymentID: paymentID, Reason: reason})
}

// Refund has p given back unless it is applied or refunded already. A refund
// that was started before is success.
func (c *Client) Refund(ctx context.Context, p order.Payment) error {
	return c.start(ctx, c.options(refundWorkflowID(p.ID)), RefundWorkflow, refundOf(p))
}

// Restart begins the saga of an order that none drives, also where an earlier
// one completed: then the database was put back to a state of before that. It is
// told of p, unless that has no id, in the same request, and so knows of it
// whatever the database loses next. One that has begun meanwhile is success, and
// one too many finds the order final.
func (c *Client) Restart(ctx context.Context, o order.Order, p order.Payment) error {
	ctx = tracing.Parent(ctx, o.Traceparent)
	opts := c.options(orderWorkflowID(o.ID))
	opts.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	if p.ID == "" {
		return c.start(ctx, opts, OrderWorkflow, c.again(o.Reservation()))
	}
	return c.signalWithStart(ctx, opts, o, paymentReceivedSignal, p)
}

// RestartRefund is Refund for a payment that no workflow refunds, also where an
// earlier one completed, as Restart is for orders. One too many finds the
// payment refunded. The provider knows the key, so it pays once.
func (c *Client) RestartRefund(ctx context.Context, p order.Payment) error {
	opts := c.options(refundWorkflowID(p.ID))
	opts.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	return c.start(ctx, opts, RefundWorkflow, refundOf(p))
}

// Running reports whether a saga drives the order now. One that has ended,
// whatever way, does not.
func (c *Client) Running(ctx context.Context, orderID uuid.UUID) (bool, error) {
	return c.running(ctx, orderWorkflowID(orderID))
}

// Refunding reports whether the payment is being refunded now.
func (c *Client) Refunding(ctx context.Context, paymentID string) (bool, error) {
	return c.running(ctx, refundWorkflowID(paymentID))
}

// RefundBegun reports whether a workflow refunds the payment or ever did, whatever
// became of it. Temporal forgets it with the namespace's retention.
func (c *Client) RefundBegun(ctx context.Context, paymentID string) (bool, error) {
	err := c.call(ctx, func(ctx context.Context) error {
		_, err := c.temporal.DescribeWorkflowExecution(ctx, refundWorkflowID(paymentID), "")
		return err
	})
	if order.CodeOf(err) == order.CodeConflict {
		return false, nil
	}
	return err == nil, err
}

func (c *Client) running(ctx context.Context, workflowID string) (running bool, err error) {
	err = c.call(ctx, func(ctx context.Context) error {
		saga, err := c.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
		running = saga.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
		return err
	})
	if order.CodeOf(err) == order.CodeConflict {
		return false, nil
	}
	return running, err
}

func (c *Client) input(e order.ReservationEvent) Input {
	return Input{OrderID: e.OrderID, PaymentTimeout: c.cfg.PaymentTimeout, Accepted: &e}
}

// again is the input of a saga that may not be its order's first.
func (c *Client) again(e order.ReservationEvent) Input {
	in := c.input(e)
	in.Again = true
	return in
}

func (c *Client) options(workflowID string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                    workflowID,
		TaskQueue:             c.cfg.TaskQueue,
		WorkflowIDReusePolicy: reuse,
	}
}

// start relies on the SDK to return the earlier run, not an error, when the
// reuse policy rejects this one, unless opts ask for the error.
func (c *Client) start(ctx context.Context, opts client.StartWorkflowOptions, workflow, input any) error {
	growStack(false) // the consumer starts each order in a goroutine of its own
	return c.call(ctx, func(ctx context.Context) error {
		_, err := c.temporal.ExecuteWorkflow(ctx, opts, workflow, input)
		return err
	})
}

func (c *Client) cancel(ctx context.Context, id uuid.UUID) error {
	return c.call(ctx, func(ctx context.Context) error {
		return c.temporal.CancelWorkflow(ctx, orderWorkflowID(id), "")
	})
}

// signal starts the saga of an order that none drives. As a rule an earlier one has
// asked for the payment.
func (c *Client) signal(ctx context.Context, o order.Order, name string, payload any) error {
	return c.signalWithStart(ctx, c.options(orderWorkflowID(o.ID)), o, name, payload)
}

func (c *Client) signalWithStart(ctx context.Context, opts client.StartWorkflowOptions, o order.Order, name string, payload any) error {
	return c.call(ctx, func(ctx context.Context) error {
		_, err := c.temporal.SignalWithStartWorkflow(ctx, opts.ID, name, payload, opts, OrderWorkflow, c.again(o.Reservation()))
		return err
	})
}

func (c *Client) call(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.coded(request(ctx))
}

// coded gives err its code:
//
//	no such workflow, or it has ended   CodeConflict
//	the request is malformed            CodeValidation
//	anything else                       CodeUnavailable
//
// A missing namespace and missing rights are in the last row: an operator can
// put them right, and until then no order may be given up.
func (c *Client) coded(err error) error {
	if err == nil {
		return nil
	}
	if _, missing := errors.AsType[*serviceerror.NamespaceNotFound](err); missing {
		err = fmt.Errorf("temporal namespace %q does not exist, create it: %w", c.cfg.Namespace, err)
		return order.Wrap(err, order.CodeUnavailable, "The service is not available right now.")
	}
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone || temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return order.Wrap(err, order.CodeConflict, "The order is not being processed any more.")
	}
	if _, bad := errors.AsType[*serviceerror.InvalidArgument](err); bad {
		return order.Wrap(err, order.CodeValidation, "The order cannot be processed.")
	}
	return order.Wrap(err, order.CodeUnavailable, "The service is not available right now.")
}
