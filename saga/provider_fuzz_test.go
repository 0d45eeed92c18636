package saga

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"

	"order-service/order"
)

// answering is a provider that gives the same answer to everything.
type answering struct {
	status int
	body   []byte
}

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// FuzzProviderAnswer: whatever the provider, or a proxy before it, answers, what
// comes of it is a payment id and a web address, or an error.
func FuzzProviderAnswer(f *testing.F) {
	f.Add(200, []byte(`{"paymentId":"p1","paymentLink":"https://pay.example/p1"}`))
	f.Add(201, []byte(`{"paymentId":"p1","paymentLink":"javascript:alert(1)"}`))
	f.Add(200, []byte(`{"paymentId":"p 1","paymentLink":"http://"}`))
	f.Add(200, []byte(`{"paymentId":7,"paymentLink":null}`))
	f.Add(502, []byte(`<html>Bad Gateway</html>`))
	p, err := NewHTTPProvider(ProviderConfig{URL: "http://provider.test"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.Close)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p.client.Transport = answering{status, body}
		id, link, err := p.Initiate(t.Context(), order.Order{})
		if err != nil {
			return
		}
		if u, err := url.Parse(link); err != nil || !isWeb(u) || len(link) > maxLink || !order.ValidPaymentID(id) || status < 200 || status > 299 {
			t.Fatalf("%d %q is the payment %q at %q", status, body, id, link)
		}
	})
}
