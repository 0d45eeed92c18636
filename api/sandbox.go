package api

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// sandboxView fills web/sandbox.html.
type sandboxView struct {
	OrderID string
	Amount  string
	Link    url.Values // the link's own parameters, sent again with the choice
	Choice  string     // the button that was pressed
	Shop    string     // the way back, to the order where there is one
	Title   string     // of the outcome
	Outcome string     // what became of the choice; empty before it
	Failed  bool       // the shop has no payment
}

// sandboxPage answers GET /sandbox/pay, where the signed link of an order's
// payment leads: what a provider's checkout is in production.
func (s *Server) sandboxPage(c *fiber.Ctx) error {
	view, _, err := s.sandboxLink(string(c.Context().QueryArgs().QueryString()))
	if err != nil {
		return s.sandboxProblem(c, err)
	}
	return renderSandbox(c, view)
}

// sandboxPay answers the page's buttons. It tells the service of the payment
// as a provider would: by its own webhook, signed, over HTTP.
func (s *Server) sandboxPay(c *fiber.Ctx) error {
	view, p, err := s.sandboxLink(string(c.BodyRaw()))
	if err != nil {
		return s.sandboxProblem(c, err)
	}
	ctx, cancel := s.context()
	defer cancel()
	switch view.Choice {
	case "pay":
		view.Title, view.Outcome = "Thank you!", view.Amount+" paid, in play money. The shop has been told of your payment."
		err = s.tell(ctx, p, paymentSucceeded, fiber.Map{"paymentId": p.ID, "amount": p.Money.Amount, "currency": p.Money.Currency})
	case "decline":
		view.Title, view.Outcome, view.Failed = "Payment declined", "The shop has been told. It puts the units back on sale.", true
		err = s.tell(ctx, p, paymentFailed, fiber.Map{"paymentId": p.ID, "reason": "declined in the sandbox"})
	default:
		err = order.Invalid("choice", "must be pay or decline")
	}
	if order.CodeOf(err) == order.CodeConflict {
		view.Title, view.Outcome, view.Failed, err = "Not paid", "The shop did not take the payment.", true, nil
	}
	if err != nil {
		return s.sandboxProblem(c, err)
	}
	return renderSandbox(c, view)
}

// sandboxProblem shows err to a buyer as a page, and leaves it a problem for
// those who do not ask for HTML.
func (s *Server) sandboxProblem(c *fiber.Ctx, err error) error {
	if c.Accepts(fiber.MIMEApplicationJSON, fiber.MIMETextHTML) != fiber.MIMETextHTML {
		return err
	}
	e := classify(err)
	s.report(c.Context(), e, err)
	view := sandboxView{Shop: "/", Title: "Not paid", Outcome: e.Message, Failed: true}
	if kinds[e.Code].status == fiber.StatusServiceUnavailable { // the report may have been recorded and not passed on yet
		view.Title, view.Outcome = "Not certain yet", "The shop did not answer in time. Look at your order, or go back and press the button again: you cannot pay twice."
	}
	c.Status(kinds[e.Code].status)
	return renderSandbox(c, view)
}

// linkNames are the parameters that a payment link is made of. What is there
// besides, somebody else has added.
var linkNames = [...]string{"order", "payment", "amount", "currency", "expires", "sig"}

// sandboxLink verifies the parameters of a payment link.
func (s *Server) sandboxLink(query string) (sandboxView, order.Payment, error) {
	sent, err := url.ParseQuery(query)
	if err != nil {
		return sandboxView{}, order.Payment{}, order.Errorf(codeBadRequest, "The payment link is damaged.")
	}
	link := url.Values{}
	for _, name := range linkNames {
		if sent.Has(name) {
			link.Set(name, sent.Get(name))
		}
	}
	p, err := s.deps.Sandbox.Verify(link)
	id := p.OrderID.String()
	return sandboxView{OrderID: id, Amount: p.Money.String(), Link: link, Choice: sent.Get("choice"), Shop: "/?order=" + id}, p, err
}

// tell sends a webhook. A refusal by the service is CodeConflict.
func (s *Server) tell(ctx context.Context, p order.Payment, event string, payload fiber.Map) error {
	payload["type"], payload["orderId"] = event, p.OrderID
	body, err := order.EncodeJSON(payload)
	if err != nil {
		return err
	}
	header, err := s.webhooks.sign("msg_"+p.ID+"_"+event, body)
	if err != nil {
		return err
	}
	header.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	status, err := s.loopback.post(ctx, "/orders/"+p.OrderID.String()+"/"+event, header, body)
	switch {
	case err != nil || status >= http.StatusInternalServerError:
		return order.Wrap(err, order.CodeUnavailable, "The shop could not be told. Please try again.")
	case status != http.StatusOK:
		return order.Errorf(order.CodeConflict, "The webhook was answered with %d.", status)
	}
	return nil
}

// loopback calls the service's own HTTP address.
type loopback struct {
	client *http.Client
	base   string
}

func newLoopback() *loopback {
	return &loopback{client: &http.Client{Timeout: requestTimeout, Transport: &http.Transport{MaxIdleConns: 4, IdleConnTimeout: time.Minute}}}
}

// reach notes where the server listens; an unspecified address is reached by
// the loopback interface.
func (l *loopback) reach(addr net.Addr) {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	l.base = "http://" + net.JoinHostPort(host, port)
}

func (l *loopback) post(ctx context.Context, path string, header http.Header, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = header
	resp, err := l.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	return resp.StatusCode, err
}

func (l *loopback) close() { l.client.CloseIdleConnections() }
