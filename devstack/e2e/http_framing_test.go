package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"order-service/order"
)

// TestCancelHiddenInABodyIsNotExecuted sends an order whose two lengths disagree:
// a proxy that goes by the first forwards one request, and the second length
// made two of it, the second of which nobody had looked at.
func TestCancelHiddenInABodyIsNotExecuted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	svc := s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	b.await(id, order.PaymentPending)

	hidden := fmt.Sprintf("POST /orders/%s/cancel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", id, b.token)
	conn, err := net.Dial("tcp", svc.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Length: 0\r\n\r\n%s", len(hidden), hidden)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest || !resp.Close {
		t.Errorf("%s, closed: %t", resp.Status, resp.Close)
	}
	time.Sleep(time.Second)
	if o := b.get(id); o.Status != order.PaymentPending {
		t.Errorf("the order is %s", o.Status)
	}
}
