package api

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"order-service/order"
	"order-service/tracing"
	"order-service/tracing/tracingtest"
)

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00-" + callersTrace + "-00f067aa0ba902b7-01"
)

// traced serves shop with every order traced.
func traced(t *testing.T, shop *shop, change ...func(*Config, *Deps)) (*site, tracingtest.Spans) {
	tracer, spans := tracingtest.New(t)
	return serve(t, shop, append(change, func(_ *Config, d *Deps) { d.Tracer = tracer })...), spans
}

func TestAnOrderCarriesTheTraceOfItsRequest(t *testing.T) {
	shop := newShop()
	s, spans := traced(t, shop)
	var placed struct{ OrderID uuid.UUID }
	s.as("ann", "POST", "/orders", `{"productId":"lamp","quantity":2}`, "traceparent", callersSpan).ok(t).decode(t, &placed)
	span := spans.Named("POST /orders")
	if span == nil || span.SpanContext().TraceID().String() != callersTrace {
		t.Fatalf("the request's span is %v", span)
	}
	stored, _ := shop.Order(t.Context(), placed.OrderID)
	if want := "00-" + callersTrace + "-" + span.SpanContext().SpanID().String() + "-01"; stored.Traceparent != want {
		t.Errorf("the order has trace %q, want %q", stored.Traceparent, want)
	}
	for key, want := range map[string]string{
		"order.id": placed.OrderID.String(), "order.product_id": "lamp", "order.quantity": "2",
		"http.request.method": "POST", "http.route": "/orders", "http.response.status_code": "202",
	} {
		if got := tracingtest.Attribute(span, attribute.Key(key)); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if len(span.Attributes()) != 6 {
		t.Errorf("there is more: %v", span.Attributes())
	}
}

// Two traceparents, as a proxy that adds its own makes them, are as good as none:
// the trace begins anew, and the order is taken.
func TestTwoTraceparentsBeginATraceAnewAndRefuseNothing(t *testing.T) {
	other := strings.Replace(callersSpan, "4bf9", "beef", 1)
	for _, lines := range []string{
		"traceparent: " + callersSpan + "\r\nTraceparent: " + other, "TRACEPARENT: " + other + "\r\nX-Between: c\r\ntraceparent: " + callersSpan,
		"Traceparent: " + callersSpan + "\r\nTraceparent: " + callersSpan, "Traceparent: " + callersSpan + ", " + other,
	} {
		s, spans := traced(t, newShop())
		a := s.raw(fmt.Sprintf("POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n"+
			"Content-Length: %d\r\n\r\n%s", token(t, "ann"), lines, len(lamp), lamp))
		span := spans.Named("POST /orders")
		if a.StatusCode != 202 || span == nil {
			t.Fatalf("%q: %d %s, span %v", lines, a.StatusCode, a.body, span)
		}
		if id := span.SpanContext().TraceID().String(); id == callersTrace || id == other[3:35] || span.Parent().IsValid() {
			t.Errorf("%q: trace %s below %v", lines, id, span.Parent())
		}
	}
}

// Who is refused before there is an order to speak of takes nobody's chance to
// be traced.
func TestWhoIsNoBuyerIsNotTraced(t *testing.T) {
	s, spans := traced(t, newShop())
	s.call("POST", "/orders", `{"productId":"lamp","quantity":2}`, "traceparent", callersSpan)
	s.as("ann", "POST", "/orders", `{"productId":"lamp"}`, "traceparent", callersSpan)
	if n := len(spans.Ended()); n != 0 {
		t.Errorf("%d spans", n)
	}
}

func TestARefusalIsAnErrorOfItsTraceOnlyWhereItIsOurs(t *testing.T) {
	for code, want := range map[order.Code]codes.Code{order.CodeSoldOut: codes.Unset, order.CodeUnavailable: codes.Error} {
		shop := newShop()
		shop.gateErr = order.Errorf(code, "No.")
		s, spans := traced(t, shop)
		var p problem
		s.as("ann", "POST", "/orders", `{"productId":"lamp","quantity":2}`).decode(t, &p)
		span := spans.Named("POST /orders")
		if span.Status().Code != want || tracingtest.Attribute(span, "error.type") != string(code) {
			t.Errorf("%s: status %v, %v", code, span.Status(), span.Attributes())
		}
		if p.TraceID != span.SpanContext().TraceID().String() {
			t.Errorf("%s: the client is told of trace %q", code, p.TraceID)
		}
	}
}

// A problem and its log line name the caller's trace where we record none, and
// no trace where tracing is off or there is none.
func TestAProblemNamesTheTraceThatItBelongsTo(t *testing.T) {
	for name, c := range map[string]struct {
		on           bool
		header, want string
	}{
		"of the caller": {true, callersSpan, callersTrace}, "none": {true, "", ""},
		"nonsense": {true, `00-"><script>`, ""}, "off": {false, callersSpan, ""},
	} {
		var log bytes.Buffer
		shop := newShop()
		shop.storeErr = errors.New("broken")
		s, _ := traced(t, shop, func(cfg *Config, _ *Deps) { cfg.Log = zerolog.New(&log).Hook(tracing.LogHook{}) })
		if !c.on {
			s = serve(t, shop, func(cfg *Config, _ *Deps) { cfg.Log = zerolog.New(&log).Hook(tracing.LogHook{}) })
		}
		p := s.as("ann", "GET", "/orders/"+uuid.NewString(), "", "traceparent", c.header).problem(t, 500, order.CodeInternal)
		if p.TraceID != c.want || strings.Contains(log.String(), "traceId") != (c.want != "") {
			t.Errorf("%s: told %q, logged %s", name, p.TraceID, log.String())
		}
	}
}

func TestWhatComesForATracedOrderJoinsItsTrace(t *testing.T) {
	shop := newShop()
	s, spans := traced(t, shop)
	for name, ask := range map[string]func(order.Order){
		"POST /orders/:id/payment-success": func(o order.Order) { s.pay(o, paid("pay-"+o.ID.String(), o.Amount, "EUR")).ok(t) },
		"POST /orders/:id/payment-failure": func(o order.Order) { s.declinePayment(o, `{"paymentId":"no-`+o.ID.String()+`"}`).ok(t) },
		"POST /orders/:id/cancel":          func(o order.Order) { s.as("ann", "POST", "/orders/"+o.ID.String()+"/cancel", "").ok(t) },
	} {
		untraced, o := shop.put("ann", order.PaymentPending), shop.put("ann", order.PaymentPending)
		ask(untraced)
		if span := spans.Named(name); span != nil {
			t.Errorf("%s: traced without its order", name)
		}
		shop.mu.Lock()
		o.Traceparent = callersSpan
		shop.orders[o.ID] = o
		shop.mu.Unlock()
		ask(o)
		span := spans.Named(name)
		if span == nil || span.Parent().TraceID().String() != callersTrace || tracingtest.Attribute(span, "order.id") != o.ID.String() {
			t.Errorf("%s: %v", name, span)
		}
	}
}
