package saga

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/semaphore"

	"order-service/order"
	"order-service/tracing"
)

// maxAnswer bounds what is read of a provider's answer, in bytes.
const maxAnswer = 64 << 10

// ProviderConfig says where the payment provider is and how it is spoken to.
type ProviderConfig struct {
	URL         string          // absolute, http or https
	Concurrency int             // calls at a time; below 1 it is 1
	TLS         *tls.Config     // nil: the system's authorities and no certificate
	Tracer      *tracing.Tracer // may be nil

	// APIKey is asked for the bearer token that is sent with a call. Nil sends none.
	APIKey func() (string, error)
}

// HTTPProvider is the payment provider at PAYMENT_URL. Its errors carry
// CodeValidation when the provider refused the request for good; all others
// may pass.
type HTTPProvider struct {
	base   *url.URL
	key    func() (string, error) // nil is none
	client *http.Client
	turns  *semaphore.Weighted // one for each call at a time
	tracer *tracing.Tracer
	tries  breaker // open while it is too slow for them
}

// NewHTTPProvider returns the provider that cfg describes.
func NewHTTPProvider(cfg ProviderConfig) (*HTTPProvider, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("payment url: %w", err)
	}
	if !isWeb(u) {
		return nil, fmt.Errorf("payment url %q is not an http or https URL", cfg.URL)
	}
	calls := max(cfg.Concurrency, 1)
	return &HTTPProvider{
		base: u, key: cfg.APIKey, client: newHTTPClient(calls, cfg.TLS), turns: semaphore.NewWeighted(int64(calls)),
		tracer: cfg.Tracer,
	}, nil
}

// newHTTPClient keeps a connection for each call at a time, so that a call
// never waits for one while its time runs. It follows no redirects: a POST
// would silently become a GET.
func newHTTPClient(calls int, security *tls.Config) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = calls, calls
	// All calls share one HTTP/2 connection, and one that runs out of time leaves
	// it as it is. If a balancer has dropped it without a word, this closes it
	// while orders still try, and the next call opens another. More pings than that
	// some servers take for an attack.
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: providerTimeout, PingTimeout: tryTimeout}
	if security != nil {
		transport.TLSClientConfig = security
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       providerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes connections that are idle.
func (p *HTTPProvider) Close() { p.client.CloseIdleConnections() }

type initiateRequest struct {
	OrderID  uuid.UUID `json:"orderId"`
	UserID   string    `json:"userId"`
	Amount   int64     `json:"amount"` // minor units
	Currency string    `json:"currency"`
}

type initiateAnswer struct {
	PaymentID   string `json:"paymentId"`
	PaymentLink string `json:"paymentLink"`
}

type refundRequest struct {
	OrderID   uuid.UUID `json:"orderId"`
	PaymentID string    `json:"paymentId"`
	Reason    string    `json:"reason"`
}

// Initiate creates the order's payment and returns its id and the page where
// the buyer pays. The order's id is the idempotency key: repeating the call
// returns the first payment. It waits for its turn until ctx ends; the provider
// has providerTimeout from then on, so that one which is slow, and has many
// orders before this one, does not look dead.
func (p *HTTPProvider) Initiate(ctx context.Context, o order.Order) (paymentID, link string, err error) {
	if err := p.turns.Acquire(ctx, 1); err != nil {
		return "", "", fmt.Errorf("wait to initiate the payment: %w", err)
	}
	defer p.turns.Release(1)
	return p.initiate(ctx, o)
}

// Try is Initiate for a caller that cannot wait. It gives the provider
// tryTimeout, and fails at once where there is no turn to be had or the
// provider was too slow for it lately.
func (p *HTTPProvider) Try(ctx context.Context, o order.Order) (paymentID, link string, err error) {
	if !p.tries.allow(time.Now()) || !p.turns.TryAcquire(1) {
		return "", "", errBusy
	}
	defer p.turns.Release(1)
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	paymentID, link, err = p.initiate(ctx, o)
	p.tries.record(time.Now(), !errors.Is(err, context.DeadlineExceeded))
	return paymentID, link, err
}

func (p *HTTPProvider) initiate(ctx context.Context, o order.Order) (paymentID, link string, err error) {
	var a initiateAnswer
	req := initiateRequest{OrderID: o.ID, UserID: o.UserID, Amount: o.Amount, Currency: o.Currency}
	if err := p.post(ctx, "payments/initiate", o.ID.String(), req, &a); err != nil {
		return "", "", fmt.Errorf("initiate payment: %w", err)
	}
	if err := a.validate(); err != nil {
		return "", "", fmt.Errorf("initiate payment: %w", err)
	}
	return a.PaymentID, a.PaymentLink, nil
}

// Refund gives pay back. The payment's id makes the idempotency key, so
// however often it is called the money is returned once. It waits for its turn
// as Initiate does.
func (p *HTTPProvider) Refund(ctx context.Context, pay order.Payment, reason string) error {
	if err := p.turns.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait to refund the payment: %w", err)
	}
	defer p.turns.Release(1)
	req := refundRequest{OrderID: pay.OrderID, PaymentID: pay.ID, Reason: reason}
	if err := p.post(ctx, "payments/refund", "refund-"+pay.ID, req, nil); err != nil {
		return fmt.Errorf("refund payment: %w", err)
	}
	return nil
}

// maxLink bounds a payment link in bytes: it travels in every event of its
// order.
const maxLink = 2048

// validate keeps out of the database and of web pages what is no payment id
// and no web address. A wrong answer may pass: it is often a proxy's.
func (a initiateAnswer) validate() error {
	if !order.ValidPaymentID(a.PaymentID) {
		return fmt.Errorf("the provider's payment id %.40q is not valid", a.PaymentID)
	}
	if len(a.PaymentLink) > maxLink {
		return fmt.Errorf("the provider's payment link has %d bytes, more than %d", len(a.PaymentLink), maxLink)
	}
	if u, err := url.Parse(a.PaymentLink); err != nil || !isWeb(u) {
		return fmt.Errorf("the provider's payment link %.80q is not an http or https URL", a.PaymentLink)
	}
	return nil
}

// post sends body as JSON and decodes the answer into answer unless it is nil.
func (p *HTTPProvider) post(ctx context.Context, path, key string, body, answer any) (err error) {
	ctx, span := p.tracer.Start(ctx, "POST "+path, trace.WithSpanKind(trace.SpanKindClient))
	defer func() { endSpan(span, err) }()
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base.JoinPath(path).String(), bytes.NewReader(sent))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Idempotency-Key", key)
	if traceparent := p.tracer.Header(ctx); traceparent != "" {
		req.Header.Set("traceparent", traceparent)
	}
	if err := p.authorize(req); err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if err := checkStatus(resp); err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(got, answer)
}

func (p *HTTPProvider) authorize(req *http.Request) error {
	if p.key == nil {
		return nil
	}
	key, err := p.key()
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	return err
}

// checkStatus tells answers that may be different next time from refusals:
//
//	401, 403, 404, 407   our key is being replaced, or a gateway deployed
//	408, 409, 425, 429   pass with time; 409: the first request is still worked on
//	other 4xx            the request is wrong, and will be the next time
//	anything else        passes with time
//
// As with Temporal (see coded), what an operator can put right ends no order
// before its time.
func checkStatus(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code < 400, code >= 500:
		return fmt.Errorf("the provider answered %s", resp.Status)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return fmt.Errorf("the provider answered %s", resp.Status)
	}
	return order.Errorf(order.CodeValidation, "the provider refused the request: %s", resp.Status)
}

func isWeb(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

var _ Provider = (*HTTPProvider)(nil)
