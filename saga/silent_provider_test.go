package saga

import (
	"io"
	"net/http"
	"testing"
	"time"

	"order-service/linetest"
)

// A call that is not answered ends by its time and leaves the connection in use,
// for all that follow: orders failed for as long as a balancer had forgotten it.
func TestProviderIsReachedAgainAfterItsHTTP2ConnectionFellSilent(t *testing.T) {
	t.Parallel()
	line, trusting := linetest.NewHTTP2(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"paymentId":"pay-1","paymentLink":"https://pay.example/1"}`)
	})
	p, err := NewHTTPProvider(ProviderConfig{URL: "https://" + line.Address, TLS: trusting})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if _, _, err := p.Initiate(t.Context(), testOrder); err != nil {
		t.Fatal(err)
	}
	line.Freeze()
	line.Renew() // a new connection would be served

	begun := time.Now()
	for time.Since(begun) < 3*providerTimeout {
		if _, _, err = p.Initiate(t.Context(), testOrder); err == nil {
			return
		}
	}
	t.Errorf("not reached for %s: %v", time.Since(begun), err)
}
