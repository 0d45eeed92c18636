package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"order-service/order"
)

// TestOpenAPIHoldsForRefusals meets the problems that requests can cause.
func TestOpenAPIHoldsForRefusals(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	i, b := s.integrator(), s.anyone()
	i.sells()
	i.refusesStrangers(b)
	i.refusesBodies(b)
	i.refusesAtTheGate(b)
	i.refusesReports(b)
	i.refusesTooMuch(b)
	if len(i.codes) < 25 { // of 32; the rest needs an outage, a flood or a mistake of ours
		t.Errorf("%d kinds of problems were met", len(i.codes))
	}
}

func (i *integrator) refusesStrangers(b *buyer) {
	i.stand[exampleOrder] = uuid.NewString()
	for _, id := range []string{"getOrder", "getOrderTimeline", "streamOrder", "cancelOrder"} {
		i.refused(id, wording{}, http.StatusUnauthorized, order.CodeUnauthenticated)
		i.refused(id, wording{as: b}, http.StatusNotFound, order.CodeOrderNotFound)
	}
	i.refused("getProductAsAdmin", wording{as: b}, http.StatusForbidden, order.CodeForbidden)
	i.refused("getProduct", wording{query: "-not"}, http.StatusNotFound, order.CodeProductNotFound)
	i.refused("describeProblem", wording{query: "-not"}, http.StatusNotFound, order.CodeNotFound)

	unknown := i.shop.send("DELETE", "/orders", nil)
	unknown.refused(http.StatusMethodNotAllowed, order.CodeMethodNotAllowed)
	i.answers(i.operations["createOrder"], unknown)
	i.codes[unknown.code()] = true
}

func (i *integrator) refusesBodies(b *buyer) {
	i.refused("createOrder", wording{as: b, body: `{"productId":`}, http.StatusBadRequest, order.CodeMalformedJSON)
	i.refused("createOrder", wording{as: b, body: strings.Repeat(" ", 9<<10)}, http.StatusRequestEntityTooLarge, order.CodeTooLarge)
	i.refused("createOrder", wording{as: b, body: `{}`, headers: []string{"Content-Type", "text/plain"}},
		http.StatusUnsupportedMediaType, order.CodeUnsupportedMediaType)
	i.refused("createOrder", wording{as: b, body: `{"quantity":0,"colour":"red"}`}, http.StatusUnprocessableEntity, order.CodeValidation)
	i.refused("listOrders", wording{as: b, query: "?limit=0"}, http.StatusUnprocessableEntity, order.CodeValidation)
	i.refused("getOrder", wording{as: b, query: "?wait=long"}, http.StatusUnprocessableEntity, order.CodeValidation)
}

// refusesAtTheGate has the product not be what the example's order wants.
func (i *integrator) refusesAtTheGate(b *buyer) {
	root := i.shop.buyer("root", admin)
	product := func(body string) { i.does("putProduct", wording{as: root, body: body}, http.StatusOK) }
	wants := wording{as: b, example: "atThePriceShown"}

	product(`{"name":"Shoe","unitPrice":18901,"currency":"EUR","stock":1}`)
	i.refused("createOrder", wants, http.StatusConflict, order.CodePriceChanged)
	product(`{"name":"Shoe","unitPrice":18900,"currency":"EUR","stock":0}`)
	i.refused("createOrder", wants, http.StatusConflict, order.CodeSoldOut)
	i.does("putProduct", wording{as: root, example: "upcoming"}, http.StatusOK)
	i.does("getProduct", wording{}, http.StatusOK)
	i.refused("createOrder", wording{as: b, example: "atAnyPrice"}, http.StatusUnprocessableEntity, order.CodeSaleClosed)
	i.does("putProduct", wording{as: root, example: "open"}, http.StatusOK)
	i.refused("putProduct", wording{as: root, example: "open", headers: []string{"If-None-Match", "*"}},
		http.StatusPreconditionFailed, "precondition-failed")
	many := `{"productId":"` + i.stand[exampleProduct] + `","quantity":3}`
	i.refused("createOrder", wording{as: b, body: many}, http.StatusConflict, order.CodePurchaseLimit)
	i.refused("createOrder", wording{as: b, body: `{"productId":"nothing","quantity":1}`}, http.StatusUnprocessableEntity, order.CodePriceUnavailable)

	key := []string{"Idempotency-Key", "one"}
	o := i.orders(b, "atThePriceShown", key...)
	i.refused("createOrder", wording{as: b, body: many, headers: key}, http.StatusUnprocessableEntity, order.CodeIdempotencyMismatch)
	b.await(o.OrderID, order.PaymentPending)
	i.refused("putProduct", wording{as: root, body: `{"name":"Shoe","unitPrice":18900,"currency":"EUR","stock":0}`},
		http.StatusConflict, order.CodeStockBelowSold)
}

func (i *integrator) refusesReports(b *buyer) {
	first := i.owes(b, orderView{OrderID: uuid.MustParse(i.stand[exampleOrder])})
	i.refused("reportPaymentSuccess", wording{example: "paid"}, http.StatusUnauthorized, order.CodeBadSignature)
	i.reports("reportPaymentSuccess", wording{body: `{"paymentId":"other","amount":1,"currency":"EUR"}`}, http.StatusConflict).
		refused(http.StatusConflict, order.CodeAmountMismatch)
	i.reports("reportPaymentSuccess", wording{body: `{"paymentId":""}`}, http.StatusUnprocessableEntity).
		refused(http.StatusUnprocessableEntity, order.CodeValidation)
	i.reports("reportPaymentSuccess", wording{example: "paid"}, http.StatusOK)
	b.await(first.OrderID, order.Confirmed)

	second := i.orders(b, "atThePriceShown")
	for _, id := range []string{"reportPaymentSuccess", "reportPaymentFailure"} {
		w := wording{body: `{"paymentId":"` + first.PaymentID + `","amount":18900,"currency":"EUR"}`}
		i.reports(id, w, http.StatusConflict).refused(http.StatusConflict, order.CodeConflict)
	}
	b.cancel(second.OrderID).expect(http.StatusOK)
}

// refusesTooMuch asks a service that allows next to nothing.
func (i *integrator) refusesTooMuch(b *buyer) {
	i.refused("listProducts", wording{headers: []string{"X-Filler", strings.Repeat("x", 17<<10)}},
		http.StatusRequestHeaderFieldsTooLarge, "headers-too-large")
	another := i.shop.anyone()
	o := i.orders(another, "atThePriceShown")
	i.shop.startAt(freeAddr(i.t), suite.binary, "api", map[string]string{"RATE_LIMIT_USER_RPS": "0.01", "SSE_MAX_STREAMS_PER_USER": "1", "ADMIN_REQUIRE_IF_MATCH": "true"})
	i.refused("putProduct", wording{as: i.shop.buyer("root", admin), example: "open"}, http.StatusPreconditionRequired, "precondition-required")
	another.ask(i.stand[exampleProduct]) // all that he may, whatever becomes of it: a 503 counts too
	i.refused("createOrder", wording{as: another, example: "atAnyPrice"}, http.StatusTooManyRequests, order.CodeRateLimited)
	another.await(o.OrderID, order.PaymentPending)
	open := another.watch(o.OrderID, "")
	i.refused("streamOrder", wording{as: another}, http.StatusTooManyRequests, order.CodeTooManyStreams)
	i.refused("streamMyOrders", wording{as: another}, http.StatusTooManyRequests, order.CodeTooManyStreams)
	open.close()
	another.cancel(o.OrderID).expect(http.StatusOK)
}

// TestOpenAPIHoldsForTheDemo signs in, buys and pays as a visitor would.
func TestOpenAPIHoldsForTheDemo(t *testing.T) {
	t.Parallel()
	s := newShop(t, "DEV_LOGIN", "true", "PAYMENT_SANDBOX", "true", "PAYMENT_URL", "")
	s.start("all")
	i := s.integrator()
	i.sells()
	i.does("devLogin", wording{example: "anyone"}, http.StatusOK)
	i.does("devLogin", wording{example: "administrator"}, http.StatusOK)
	i.refused("devLogin", wording{body: `{"admin":"yes"}`}, http.StatusUnprocessableEntity, order.CodeValidation)
	var alice struct{ AccessToken string }
	i.does("devLogin", wording{example: "alice"}, http.StatusOK).decode(&alice)
	i.paysInTheSandbox(&buyer{shop: s, token: alice.AccessToken})
	i.tried(true)
}

func (i *integrator) paysInTheSandbox(b *buyer) {
	o := i.owes(b, i.orders(b, "atThePriceShown"))
	link, err := url.Parse(o.PaymentURL)
	if err != nil {
		i.t.Fatal(err)
	}
	form := func(choice string) wording {
		return wording{body: link.RawQuery + "&choice=" + choice, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}}
	}
	i.does("openSandboxPage", wording{query: "?" + link.RawQuery}, http.StatusOK)
	i.refused("openSandboxPage", wording{query: "?" + link.RawQuery + "x"}, http.StatusUnauthorized, order.CodeBadSignature)
	i.refused("choosePaymentInSandbox", form("%"), http.StatusBadRequest, "bad-request")
	i.refused("choosePaymentInSandbox", form("neither"), http.StatusUnprocessableEntity, order.CodeValidation)
	i.does("choosePaymentInSandbox", form("pay"), http.StatusOK)
	b.await(o.OrderID, order.Confirmed)
}
