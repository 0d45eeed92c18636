package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/failpoint"
	"order-service/order"
)

// faultyShops is how many shops have a fault at once. Most of the time each
// waits for a lease or a timeout of what was killed to end.
const faultyShops = 6

// fault is what happens at one failpoint of a shop's first service.
type fault struct{ name, action string }

func (f fault) String() string { return f.name + "=" + f.action }

// setting is the FAILPOINT that has f happen. A payment is initiated by an
// activity of its own only where the first try failed.
func (f fault) setting() string {
	if strings.Contains(f.name, ".InitiatePayment.") {
		return fault{failpoint.ActivityBefore("TryPayment"), "error*100"}.String() + "," + f.String()
	}
	return f.String()
}

func (f fault) kills() bool { return strings.HasPrefix(f.action, "kill") }

// faults are a kill at every failpoint, and a few errors and delays that reach
// every folder. With SOAK they are three at every failpoint: a kill, some
// errors, and a delay longer than the batch's lease, a step and a session.
func faults() (all []fault) {
	for _, name := range failpoint.Names() {
		all = append(all, fault{name, "kill"})
		if soaking {
			all = append(all, fault{name, "error*3"}, fault{name, "delay:12s"})
		}
	}
	if soaking {
		return all
	}
	return append(all,
		fault{failpoint.IntakeHeld, "error"},
		fault{failpoint.IntakeCommitAfter, "error"},
		fault{failpoint.RelayPublishAfter, "error"},
		fault{failpoint.ConsumerCommitBefore, "error"},
		fault{failpoint.ActivityAfter("Confirm"), "error"},
		fault{failpoint.ActivityBefore("RefundPayment"), "error"},
		fault{failpoint.IntakeCommitBefore, "delay"},
		fault{failpoint.RelayDeleteBefore, "delay:12s"}, // longer than the lease of the batch
		fault{failpoint.Moved("CANCELLED"), "delay"},
	)
}

// The subtests do not use t.Parallel: how many may run at once has to do with
// how long they wait, not with the number of processors.
func TestFaultAtAnyFailpointLosesNothing(t *testing.T) {
	queue := make(chan fault)
	var shops sync.WaitGroup
	for range faultyShops {
		shops.Go(func() {
			for f := range queue {
				t.Run(f.String(), func(t *testing.T) { withstand(t, f) })
			}
		})
	}
	for _, f := range faults() {
		queue <- f
	}
	close(queue)
	shops.Wait()
}

// withstand holds a sale during which f happens.
func withstand(t *testing.T, f fault) {
	s := newShop(t)
	s.insisting = true
	svc := s.startFaulty(f)
	productID := s.product(int64(len(fates)) + spare)
	closed := s.openSale(productID)
	defer closed.Wait()
	if f.kills() {
		svc.expectKill()
		s.startAt(svc.addr, suite.binary, "all", nil)
	}
	closed.Wait()
	if t.Failed() {
		return
	}
	s.expectSettled(1)
	if !svc.log.has("failpoint " + f.name + ": ") {
		t.Errorf("%s was not reached", f.name)
	}
	s.expectLedger(productID, ledger{Available: spare + 5, Confirmed: 3})
}

func (s *shop) startFaulty(f fault) *service {
	s.t.Helper()
	binary, err := suite.faulty()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.startAt(freeAddr(s.t), binary, "all", map[string]string{"FAILPOINT": f.setting()})
}

// expectKill waits until the service ends as by kill -9.
func (svc *service) expectKill() {
	svc.shop.t.Helper()
	select {
	case <-svc.done:
	case <-time.After(patience):
		svc.shop.t.Fatalf("%s lives on", svc.name)
	}
	exit, ok := errors.AsType[*exec.ExitError](svc.err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		svc.shop.t.Errorf("%s ended with %v", svc.name, svc.err)
	}
}

// fates are what buyers do when they are asked to pay, one each. Each returns
// how the order ends.
var fates = map[string]func(s *shop, b *buyer, o orderView) order.Status{
	"Paid":           pay,
	"PaidAgain":      pay,
	"Declined":       decline,
	"DeclinedAgain":  decline,
	"Cancelled":      cancel,
	"CancelledAgain": cancel,
	"PaidTooLate": func(s *shop, b *buyer, o orderView) order.Status {
		end := cancel(s, b, o)
		b.await(o.OrderID, end)
		s.paid(o).expect(http.StatusOK)
		s.expectRefund(o.PaymentID)
		return end
	},
	"PaidTwice": func(s *shop, b *buyer, o orderView) order.Status {
		end := pay(s, b, o)
		b.await(o.OrderID, end)
		o.PaymentID += "-again"
		s.paid(o).expect(http.StatusOK)
		s.expectRefund(o.PaymentID)
		return end
	},
}

// What the fates come to.
const (
	applied  = 3
	refunded = 2
	declined = 2
)

func pay(s *shop, _ *buyer, o orderView) order.Status {
	s.paid(o).expect(http.StatusOK)
	return order.Confirmed
}

func decline(s *shop, _ *buyer, o orderView) order.Status {
	s.declined(o).expect(http.StatusOK)
	return order.Failed
}

func cancel(_ *shop, b *buyer, o orderView) order.Status {
	b.cancel(o.OrderID).expect(http.StatusOK)
	return order.Cancelled
}

// openSale sends a buyer of each fate. The group is done when all of them have
// seen their order's end.
func (s *shop) openSale(productID string) *sync.WaitGroup {
	closed := new(sync.WaitGroup)
	for name, fate := range fates {
		closed.Go(func() {
			s.t.Run(name, func(t *testing.T) {
				mine := *s // with this buyer's t
				mine.t = t
				mine.live(productID, fate)
			})
		})
	}
	return closed
}

// live is a buyer's one order from its beginning to its end.
func (s *shop) live(productID string, fate func(*shop, *buyer, orderView) order.Status) {
	b, key := s.anyone(), rand.Text()
	id := b.buy(productID, 1, "Idempotency-Key", key)
	o := b.await(id, order.PaymentPending)
	b.await(id, fate(s, b, o))
	if again := b.buy(productID, 1, "Idempotency-Key", key); again != id {
		s.t.Errorf("the key gives order %s, want %s", again, id)
	}
}

// expectSettled waits until nothing is in flight, and fails the test unless
// every order of that many waves is there once and all money is where it belongs.
func (s *shop) expectSettled(waves int) {
	s.t.Helper()
	type books struct{ orders, unpublished, inFlight, applied, refunded, declined int }
	want := books{orders: waves * len(fates), applied: waves * applied, refunded: waves * refunded, declined: waves * declined}
	var got books
	for deadline := time.Now().Add(patience); got != want; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the books say %+v, want %+v", got, want)
		}
		s.ask(`SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM outbox),
			count(*) FILTER (WHERE state IN ('RECEIVED', 'REFUNDING')), count(*) FILTER (WHERE state = 'APPLIED'),
			count(*) FILTER (WHERE state = 'REFUNDED'), count(*) FILTER (WHERE state = 'DECLINED') FROM payments`,
			&got.orders, &got.unpublished, &got.inFlight, &got.applied, &got.refunded, &got.declined)
	}
	if n := s.provider.initiated(); n != want.orders {
		s.t.Errorf("%d payments were initiated, want %d", n, want.orders)
	}
	if n := s.provider.refundedPayments(); n != want.refunded {
		s.t.Errorf("the provider refunded %d payments, want %d", n, want.refunded)
	}
	s.expectPublished()
}

// expectPublished waits until order.progress has every change that the orders'
// history has.
func (s *shop) expectPublished() {
	s.t.Helper()
	var missing []string
	s.ask(`SELECT array_agg(concat_ws(' ', order_id, seq, status)) FROM order_events`, &missing)
	client := s.reader(s.env["KAFKA_TOPIC_ORDER_PROGRESS"])
	defer client.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for len(missing) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			s.t.Fatalf("these changes are not published: %q", missing)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var e order.ProgressEvent
			if err := json.Unmarshal(r.Value, &e); err != nil {
				s.t.Errorf("progress %s: %v", r.Value, err)
			}
			change := fmt.Sprintf("%s %d %s", e.OrderID, e.Seq, e.Status)
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == change })
		})
	}
}
