package e2e

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"order-service/order"
)

// lineToRedis puts a line between the shop's services and their Redis.
func lineToRedis(t *testing.T) (*shop, *line) {
	t.Helper()
	u, err := url.Parse(os.Getenv("REDIS_URL"))
	if err != nil {
		t.Fatalf("REDIS_URL: %v", err)
	}
	redis := newLine(t, u.Host) // before the shop, whose services need it to the end
	s := newShop(t)
	s.env["REDIS_URL"] = strings.Replace(s.env["REDIS_URL"], u.Host, redis.Address, 1)
	return s, redis
}

func TestSaleGoesOnAfterRedisWasDown(t *testing.T) {
	t.Parallel()
	s, redis := lineToRedis(t)
	s.start("all")
	s.saleThrough(func(productID string) {
		redis.Tear()
		s.expectRefusedAtOnce(productID)
		time.Sleep(either(3*time.Second, time.Minute))
		redis.Mend()
	})
}

func TestSaleGoesOnAfterRedisWasSlow(t *testing.T) {
	t.Parallel()
	s, redis := lineToRedis(t)
	s.start("all")
	s.saleThrough(func(productID string) {
		redis.Delay(500 * time.Millisecond)
		s.expectRefusedAtOnce(productID)
		time.Sleep(either(3*time.Second, time.Minute))
		redis.Delay(0)
	})
}

func TestSaleGoesOnWhileRedisIsEmptied(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	sale := s.openDoors()
	for range either(4, 60) {
		time.Sleep(time.Second)
		if err := s.redis.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	sale.settle()
}

// expectRefusedAtOnce fails the test unless a buyer hears 503 long before he
// would give up: the service waits 40 ms for Redis. A busy machine may delay one
// answer; a service that waits delays every one.
func (s *shop) expectRefusedAtOnce(productID string) {
	s.t.Helper()
	patient := *s
	patient.insisting = false
	var took [3]time.Duration
	for n := range took {
		begun := time.Now()
		patient.anyone().call("POST", "/orders", map[string]any{"productId": productID, "quantity": 1}).
			refused(http.StatusServiceUnavailable, order.CodeUnavailable)
		if took[n] = time.Since(begun); took[n] < 3*time.Second {
			return
		}
	}
	s.t.Errorf("the refusals took %s", took)
}
