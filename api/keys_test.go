package api

import (
	"net/http"
	"testing"
	"time"

	"order-service/linetest"
)

// A fetch that is not answered leaves the connection in use, for all that follow:
// tokens of a new key were refused for as long as a balancer had forgotten it.
func TestKeyServerIsReachedAgainAfterItsHTTP2ConnectionFellSilent(t *testing.T) {
	t.Parallel()
	line, trusting := linetest.NewHTTP2(t, func(http.ResponseWriter, *http.Request) {})
	transport := newKeysTransport()
	transport.TLSClientConfig = trusting
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: jwksTimeout}
	fetch := func() error {
		answer, err := client.Get("https://" + line.Address)
		if err == nil {
			err = answer.Body.Close()
		}
		return err
	}
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	line.Freeze()
	line.Renew() // a new connection would be served

	begun := time.Now()
	err := fetch()
	for err != nil && time.Since(begun) < 4*jwksTimeout {
		err = fetch()
	}
	if err != nil {
		t.Errorf("not reached for %s: %v", time.Since(begun), err)
	}
}
