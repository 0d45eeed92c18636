package sale

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"order-service/order"
)

// buyer is one person.
type buyer struct {
	client
	tally *tally
}

// visit is what a buyer comes for.
type visit struct {
	productID string
	quantity  int
	fate      fate
	thinks    time.Duration // from the payment link to the decision
	polls     bool
}

// play plays v to the order's end, and counts what became of it.
func (b buyer) play(ctx context.Context, v visit) {
	path, ok := b.place(ctx, v)
	if !ok {
		return
	}
	w := &watch{client: b.client, path: path, polls: v.polls}
	defer w.close()
	p, err := w.until(ctx, func(p progress) bool { return p.Status == order.PaymentPending || p.Status.Final() })
	if err == nil && !p.Status.Final() {
		if b.pause(ctx, v.thinks) != nil {
			return
		}
		b.decide(ctx, path, v.fate, p)
		p, err = w.until(ctx, func(p progress) bool { return p.Status.Final() })
	}
	if err == nil {
		b.tally.ended(p.Status)
	}
}

// place orders and returns the order's path; false when there is no order.
func (b buyer) place(ctx context.Context, v visit) (path string, ok bool) {
	body, err := json.Marshal(map[string]any{"productId": v.productID, "quantity": v.quantity})
	if err != nil {
		return "", false
	}
	a, err := b.insist(ctx, http.MethodPost, b.base+"/orders", body, "Content-Type", "application/json", "Idempotency-Key", rand.Text())
	switch {
	case ctx.Err() != nil: // nobody knows what the answer would have been
		return "", false
	case err != nil || a.status != http.StatusAccepted:
		b.tally.turnedAway(a.code())
		return "", false
	}
	b.tally.placed()
	return a.header.Get("Location"), true
}

// decide does what the buyer came to do with the order. What it comes to is
// told by the order's progress, also when a request fails: the payment window
// ends by itself.
func (b buyer) decide(ctx context.Context, path string, f fate, p progress) {
	switch f {
	case pays:
		b.checkout(ctx, p.PaymentURL, "pay")
	case declines:
		b.checkout(ctx, p.PaymentURL, "decline")
	case cancels:
		_, _ = b.insist(ctx, http.MethodPost, b.base+path+"/cancel", nil)
	case leaves:
	}
}

// checkout opens the payment page and presses a button, as a browser does: the
// form repeats the link's parameters. The page is not told who the buyer is.
func (b buyer) checkout(ctx context.Context, link, choice string) {
	b.token = ""
	if a, err := b.insist(ctx, http.MethodGet, link, nil); err != nil || a.status != http.StatusOK {
		return
	}
	page, form, _ := strings.Cut(link, "?")
	_, _ = b.insist(ctx, http.MethodPost, page, []byte(form+"&choice="+choice), "Content-Type", "application/x-www-form-urlencoded")
}
