package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"order-service/order"
)

// TestDescriptorsRunOutAndTheServiceLives opens 400 connections to a process
// that may have 256 descriptors. It ended at the first that it could not accept.
// While they are there, whoever is connected is served: a payment over an open
// connection, and its event on an open stream.
func TestDescriptorsRunOutAndTheServiceLives(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	svc := s.startAt(freeAddr(t), withDescriptors(t, suite.binary, 256), "all", nil)
	b, productID := s.anyone(), s.product(10)
	id := b.buy(productID, 1)
	o := b.await(id, order.PaymentPending)
	events := b.watch(id, "")
	events.until(order.PaymentPending)
	s.client = &http.Client{Timeout: patience, Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer s.client.CloseIdleConnections()
	b.get(id) // opens it

	crowd := make([]net.Conn, 400)
	for i := range crowd {
		c, err := net.Dial("tcp", svc.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		crowd[i] = c
	}
	s.wait("the descriptors have run out", patience, func() bool {
		return svc.ended() || svc.log.has("connections cannot be accepted for now")
	})
	if svc.ended() {
		t.Fatalf("%s ended: %v", svc.name, svc.err)
	}
	s.paid(o).expect(http.StatusOK)
	events.until(order.Confirmed)
	events.ends()
	for _, c := range crowd {
		_ = c.Close()
	}
	s.client.CloseIdleConnections()
	b.buy(productID, 1) // over a new connection
}

// withDescriptors is binary as a program that may have so many descriptors.
func withDescriptors(t *testing.T, binary string, most int) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "few")
	content := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec '%s' \"$@\"\n", most, binary)
	if err := os.WriteFile(script, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return script
}
