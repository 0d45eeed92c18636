package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"order-service/order"
)

func TestSaleGoesOnWhileTemporalIsDown(t *testing.T) {
	t.Parallel()
	temporal := newLine(t, os.Getenv("TEMPORAL_ADDRESS"))
	s := newShop(t, "TEMPORAL_ADDRESS", temporal.Address)
	s.start("all")
	s.saleThrough(func(string) {
		temporal.Tear()
		time.Sleep(either(5*time.Second, 2*time.Minute))
		temporal.Mend()
	})
}

func TestSaleGoesOnWhileTemporalRefusesToStartWorkflows(t *testing.T) {
	t.Parallel()
	temporal := newBusyTemporal(t)
	s := newShop(t, "TEMPORAL_ADDRESS", temporal.address)
	s.start("all")
	s.saleThrough(func(string) {
		temporal.busy.Store(true)
		time.Sleep(either(5*time.Second, time.Minute))
		s.wait("starts are refused", patience, func() bool { return temporal.refused.Load() > 0 })
		temporal.busy.Store(false)
	})
}

// Temporal is away when the buyer pays, and comes back when the window is over
// and the timer has fired.
func TestOrderPaidInTimeWhileTemporalIsAwayIsConfirmed(t *testing.T) {
	t.Parallel()
	temporal := newLine(t, os.Getenv("TEMPORAL_ADDRESS"))
	s := newShop(t, "TEMPORAL_ADDRESS", temporal.Address, "PAYMENT_TIMEOUT", "30s")
	s.start("all")
	b, productID := s.anyone(), s.product(2)
	paid, unpaid := b.buy(productID, 1), b.buy(productID, 1)
	o := b.await(paid, order.PaymentPending)
	b.await(unpaid, order.PaymentPending)
	temporal.Tear()
	s.paid(o).refused(http.StatusServiceUnavailable, order.CodeUnavailable)
	s.wait("both windows end", patience, func() (over bool) {
		s.ask(`SELECT bool_and(expires_at < now()) FROM orders`, &over)
		return over
	})
	temporal.Mend()
	b.await(o.OrderID, order.Confirmed)
	b.await(unpaid, order.Failed)
	s.expectLedger(productID, ledger{Available: 1, Confirmed: 1})
	s.expectMoney(2, 0)
}

// busyTemporal stands before a Temporal server and, while busy, refuses three
// of four starts as one does that is over its limit.
type busyTemporal struct {
	address string
	busy    atomic.Bool
	starts  atomic.Int64
	refused atomic.Int64
}

func newBusyTemporal(t *testing.T) *busyTemporal {
	t.Helper()
	conn, err := grpc.NewClient(os.Getenv("TEMPORAL_ADDRESS"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	forward, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{
		Client: workflowservice.NewWorkflowServiceClient(conn),
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &busyTemporal{address: listener.Addr().String()}
	server := grpc.NewServer(grpc.UnaryInterceptor(b.intercept))
	workflowservice.RegisterWorkflowServiceServer(server, forward)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-ended; _ = conn.Close() })
	return b
}

func (b *busyTemporal) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if b.busy.Load() && strings.Contains(info.FullMethod, "StartWorkflow") && b.starts.Add(1)%4 != 0 {
		b.refused.Add(1)
		err := serviceerror.NewResourceExhausted(enums.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "too many starts")
		return nil, serviceerror.ToStatus(err).Err()
	}
	return handle(ctx, req)
}
