package saga

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

const (
	sandboxPath = "sandbox/pay"
	// sandboxLife outlasts any sensible payment window. It only keeps links from
	// being good for ever: the order itself knows when its window ends.
	sandboxLife = 7 * 24 * time.Hour
	// sandboxPurpose separates link signatures from the webhooks that are signed
	// with the same secret.
	sandboxPurpose = "order-service sandbox payment link v1"
)

// RefundLog is where the sandbox's refunds go. Recording one again changes
// nothing.
type RefundLog interface {
	RecordSandboxRefund(ctx context.Context, paymentID string, orderID uuid.UUID, reason string) error
}

// Sandbox is a payment provider for demonstrations and tests. It keeps nothing:
// a payment is a signed link, so any replica serves any link, also after a
// restart.
type Sandbox struct {
	public  *url.URL
	keys    [][]byte // the first signs; a link of any is good
	refunds RefundLog
	now     func() time.Time
}

// NewSandbox returns a sandbox whose links begin with publicURL and are signed
// with a key derived from the first of secrets, the webhook secrets. Links of the
// others, which are being replaced, stay good.
func NewSandbox(publicURL string, secrets []string, refunds RefundLog) (*Sandbox, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, fmt.Errorf("public url: %w", err)
	}
	if !isWeb(u) {
		return nil, fmt.Errorf("public url %q is not an http or https URL", publicURL)
	}
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		return nil, fmt.Errorf("the sandbox needs a webhook secret")
	}
	s := &Sandbox{public: u, refunds: refunds, now: time.Now}
	for _, secret := range secrets {
		s.keys = append(s.keys, mac([]byte(secret), sandboxPurpose))
	}
	return s, nil
}

// Initiate returns the order's payment id and link; the same order has the
// same ones always.
func (s *Sandbox) Initiate(_ context.Context, o order.Order) (paymentID, link string, err error) {
	q := url.Values{}
	q.Set("order", o.ID.String())
	q.Set("payment", "sandbox-"+o.ID.String())
	q.Set("amount", strconv.FormatInt(o.Amount, 10))
	q.Set("currency", o.Currency)
	q.Set("expires", strconv.FormatInt(o.CreatedAt.Add(sandboxLife).Unix(), 10))
	q.Set("sig", hex.EncodeToString(sign(s.keys[0], q)))
	u := s.public.JoinPath(sandboxPath)
	u.RawQuery = q.Encode()
	return q.Get("payment"), u.String(), nil
}

// Try is Initiate, which never waits.
func (s *Sandbox) Try(ctx context.Context, o order.Order) (paymentID, link string, err error) {
	return s.Initiate(ctx, o)
}

// Refund records that p was given back.
func (s *Sandbox) Refund(ctx context.Context, p order.Payment, reason string) error {
	return s.refunds.RecordSandboxRefund(ctx, p.ID, p.OrderID, reason)
}

// Verify returns the payment that a link's query asks for. It returns
// CodeBadSignature for a query that no Sandbox with one of these secrets signed
// or that has expired.
func (s *Sandbox) Verify(q url.Values) (order.Payment, error) {
	sig, err := hex.DecodeString(q.Get("sig"))
	signs := func(key []byte) bool { return hmac.Equal(sig, sign(key, q)) }
	if err != nil || !slices.ContainsFunc(s.keys, signs) {
		return order.Payment{}, order.Errorf(order.CodeBadSignature, "This payment link is not valid.")
	}
	p, expires, err := readLink(q)
	if err != nil {
		return order.Payment{}, order.Wrap(err, order.CodeBadSignature, "This payment link is not valid.")
	}
	if s.now().After(expires) {
		return order.Payment{}, order.Errorf(order.CodeBadSignature, "This payment link has expired.")
	}
	return p, nil
}

// readLink reads a query whose signature is good.
func readLink(q url.Values) (order.Payment, time.Time, error) {
	id, err := uuid.Parse(q.Get("order"))
	if err != nil {
		return order.Payment{}, time.Time{}, err
	}
	amount, err := strconv.ParseInt(q.Get("amount"), 10, 64)
	if err != nil {
		return order.Payment{}, time.Time{}, err
	}
	expires, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	if err != nil {
		return order.Payment{}, time.Time{}, err
	}
	money := order.Money{Amount: amount, Currency: q.Get("currency")}
	return order.Payment{ID: q.Get("payment"), OrderID: id, Money: money}, time.Unix(expires, 0), nil
}

// sign signs the values that mean something, each in its place. None that is
// signed holds a line break, so no two links have the same text.
func sign(key []byte, q url.Values) []byte {
	names := []string{"order", "payment", "amount", "currency", "expires"}
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = url.QueryEscape(q.Get(name))
	}
	return mac(key, strings.Join(values, "\n"))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

var _ Provider = (*Sandbox)(nil)
