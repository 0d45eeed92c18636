package e2e

import (
	"crypto/rand"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"order-service/order"
)

func TestOrderWaitingForPaymentIsPaidAfterARestart(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*service){"SIGTERM": (*service).stop, "SIGKILL": (*service).kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			svc := s.start("all")
			b, productID := s.anyone(), s.product(5)
			id := b.buy(productID, 1)
			b.await(id, order.PaymentPending)
			end(svc)
			s.start("all")
			o := b.get(id)
			if o.Status != order.PaymentPending {
				t.Fatalf("after the restart the order is %s", o)
			}
			s.paid(o).expect(http.StatusOK)
			b.await(id, order.Confirmed)
			s.expectLedger(productID, ledger{Available: 4, Confirmed: 1})
		})
	}
}

func TestOrdersAcceptedRightBeforeACrashAreNotLost(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	svc := s.start("all")
	productID := s.product(20 + spare)
	orders := make(map[uuid.UUID]*buyer)
	for range 20 {
		b := s.anyone()
		orders[b.buy(productID, 1)] = b
	}
	svc.kill()
	s.start("all")
	for id, b := range orders {
		b.await(id, order.PaymentPending)
	}
	s.expectLedger(productID, ledger{Available: spare, Reserved: 20})
}

func TestOrdersAreTakenWhileKafkaIsAwayAndGoOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	kafka := newBroker(t)
	s := newShop(t, "KAFKA_BOOTSTRAP", kafka.address)
	s.start("all")
	b, productID := s.anyone(), s.product(10)
	before := b.buy(productID, 1)
	b.await(before, order.PaymentPending)

	kafka.stop()
	var during []uuid.UUID
	for range 3 {
		during = append(during, b.buy(productID, 1))
	}
	for _, id := range during {
		if o := b.get(id); o.Status != order.Pending {
			t.Errorf("without Kafka the order is %s", o)
		}
	}
	kafka.start()
	for _, id := range during {
		b.await(id, order.PaymentPending)
	}
	s.expectLedger(productID, ledger{Available: 6, Reserved: 4})
}

// A stream's snapshot may be older than the position from which the service
// follows events, when Kafka comes after the stream was opened.
func TestStreamOpenedBeforeKafkaIsThereMissesNothing(t *testing.T) {
	t.Parallel()
	kafka := newBroker(t)
	s := newShop(t, "KAFKA_BOOTSTRAP", kafka.address)
	kafka.stop()
	s.start("all")
	b := s.anyone()
	events := b.watch(b.buy(s.product(1), 1), "")
	events.until(order.Pending)
	kafka.start()
	events.until(order.PaymentPending)
}

func TestIdempotencyKeyOutlivesARestartAndAnEmptyRedis(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	svc := s.start("all")
	b, productID, key := s.anyone(), s.product(5), rand.Text()
	id := b.buy(productID, 1, "Idempotency-Key", key)
	repeat := func(after string) {
		t.Helper()
		if again := b.buy(productID, 1, "Idempotency-Key", key); again != id {
			t.Errorf("after %s the key gives order %s, want %s", after, again, id)
		}
		b.order(productID, 2, "Idempotency-Key", key).refused(http.StatusUnprocessableEntity, order.CodeIdempotencyMismatch)
	}
	repeat("nothing")
	svc.stop()
	s.start("all")
	repeat("a restart")
	if err := s.redis.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	repeat("FLUSHDB")
	s.forget(productID)
	b.order(productID, 2, "Idempotency-Key", key).refused(http.StatusUnprocessableEntity, order.CodeIdempotencyMismatch)
	repeat("FLUSHDB and another body")
	b.await(id, order.PaymentPending)
	s.expectLedger(productID, ledger{Available: 3, Reserved: 2})
}

// forget empties Redis and sees that the gate has the product again, and nobody's key.
func (s *shop) forget(productID string) {
	s.t.Helper()
	if err := s.redis.FlushDB(s.t.Context()).Err(); err != nil {
		s.t.Fatal(err)
	}
	other := s.anyone()
	other.await(other.buy(productID, 1), order.PaymentPending)
}

func TestSaleGoesOnAfterRedisIsEmptied(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	productID := s.product(2)
	first := s.anyone()
	first.await(first.buy(productID, 1), order.PaymentPending)
	if err := s.redis.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	second := s.anyone()
	second.await(second.buy(productID, 1), order.PaymentPending)
	s.anyone().order(productID, 1).refused(http.StatusConflict, order.CodeSoldOut)
	s.expectLedger(productID, ledger{Reserved: 2})
}
