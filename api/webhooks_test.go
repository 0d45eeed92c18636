package api

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	webhook "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"order-service/order"
)

// rotated is the secret that testWebhook replaces.
const rotated = "whsec_b2xkZXIgc2VjcmV0IHRoYXQgaXMgc3RpbGwgZ29vZA=="

// hook signs body as a provider would, at a time.
func hook(t *testing.T, secret, body string, at time.Time) []string {
	t.Helper()
	key, err := webhook.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := key.Sign("msg_1", at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return []string{"webhook-id", "msg_1", "webhook-timestamp", strconv.FormatInt(at.Unix(), 10), "webhook-signature", signature}
}

func paid(id string, amount int64, currency string) string {
	return fmt.Sprintf(`{"paymentId":%q,"amount":%d,"currency":%q}`, id, amount, currency)
}

// pay reports a payment with a good signature.
func (s *site) pay(o order.Order, body string) answer {
	s.Helper()
	return s.call("POST", "/orders/"+o.ID.String()+"/payment-success", body, hook(s.T, testWebhook, body, time.Now())...)
}

func (s *site) declinePayment(o order.Order, body string) answer {
	s.Helper()
	return s.call("POST", "/orders/"+o.ID.String()+"/payment-failure", body, hook(s.T, testWebhook, body, time.Now())...)
}

func TestBadWebhooksChangeNothing(t *testing.T) {
	body := paid("pay_1", 3998, "EUR")
	now := time.Now()
	good := hook(t, testWebhook, body, now)
	replace := func(name, value string) []string {
		h := slices.Clone(good)
		h[slices.Index(h, name)+1] = value
		return h
	}
	signature := good[5]
	shop := newShop()
	site := serve(t, shop)
	for name, c := range map[string]struct {
		body    string
		headers []string
		code    order.Code
	}{
		"unsigned":             {body, nil, order.CodeBadSignature},
		"other secret":         {body, hook(t, rotated, body, now), order.CodeBadSignature},
		"body changed":         {strings.Replace(body, "3998", "3999", 1), good, order.CodeBadSignature},
		"id changed":           {body, replace("webhook-id", "msg_2"), order.CodeBadSignature},
		"time changed":         {body, replace("webhook-timestamp", strconv.FormatInt(now.Unix()+1, 10)), order.CodeBadSignature},
		"10 minutes old":       {body, hook(t, testWebhook, body, now.Add(-10*time.Minute)), order.CodeBadSignature},
		"10 minutes ahead":     {body, hook(t, testWebhook, body, now.Add(10*time.Minute)), order.CodeBadSignature},
		"time not a number":    {body, replace("webhook-timestamp", "now"), order.CodeBadSignature},
		"no id":                {body, replace("webhook-id", ""), order.CodeBadSignature},
		"other version":        {body, replace("webhook-signature", "v2"+signature[2:]), order.CodeBadSignature},
		"signature cut":        {body, replace("webhook-signature", signature[:len(signature)-1]), order.CodeBadSignature},
		"not JSON":             {"{", hook(t, testWebhook, "{", now), order.CodeMalformedJSON},
		"list":                 {"[]", hook(t, testWebhook, "[]", now), order.CodeMalformedJSON},
		"no payment id":        {`{"amount":3998,"currency":"EUR"}`, hook(t, testWebhook, `{"amount":3998,"currency":"EUR"}`, now), order.CodeValidation},
		"payment id spaced":    {paid("a b", 3998, "EUR"), hook(t, testWebhook, paid("a b", 3998, "EUR"), now), order.CodeValidation},
		"amount negative":      {paid("p", -1, "EUR"), hook(t, testWebhook, paid("p", -1, "EUR"), now), order.CodeValidation},
		"currency lower case":  {paid("p", 3998, "eur"), hook(t, testWebhook, paid("p", 3998, "eur"), now), order.CodeValidation},
		"amount not a number":  {`{"paymentId":"p","amount":"3998","currency":"EUR"}`, hook(t, testWebhook, `{"paymentId":"p","amount":"3998","currency":"EUR"}`, now), order.CodeValidation},
		"larger than 64 KiB":   {strings.Repeat("x", 65<<10), hook(t, testWebhook, strings.Repeat("x", 65<<10), now), order.CodeTooLarge},
		"form, though signed":  {body, append(slices.Clone(good), "Content-Type", "text/plain"), order.CodeUnsupportedMediaType},
		"signature of another": {body, replace("webhook-signature", hook(t, testWebhook, body, now.Add(-time.Second))[5]), order.CodeBadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.with(t)
			o := shop.put("ann", order.PaymentPending)
			s.call("POST", "/orders/"+o.ID.String()+"/payment-success", c.body, c.headers...).problem(t, kinds[c.code].status, c.code)
			if len(shop.payments) != 0 || len(shop.seenCalls()) != 0 {
				t.Errorf("payments %v, calls %v", shop.payments, shop.seenCalls())
			}
		})
	}
}

func TestWebhookForNoOrderIsNotFound(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	body := paid("pay_1", 3998, "EUR")
	for _, id := range []string{uuid.NewString(), "17"} {
		s.call("POST", "/orders/"+id+"/payment-success", body, hook(t, testWebhook, body, time.Now())...).problem(t, 404, order.CodeOrderNotFound)
	}
}

func TestEverySecretIsGoodWhileRotating(t *testing.T) {
	shop := newShop()
	s := serve(t, shop, func(c *Config, _ *Deps) { c.WebhookSecrets = append(c.WebhookSecrets, rotated) })
	o := shop.put("ann", order.PaymentPending)
	body := `{"paymentId":"pay_1","amount":3998,"currency":"EUR","method":"card"}` // a field we do not know
	for _, secret := range []string{testWebhook, rotated} {
		h := hook(t, secret, body, time.Now())
		h[5] = "v1,bm90IHRoaXMgb25l " + h[5] // a provider that rotates sends several signatures
		s.call("POST", "/orders/"+o.ID.String()+"/payment-success", body, h...).ok(t)
	}
}

func TestPaymentIsRecordedThenPassedOn(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	var recorded order.PaymentState
	shop.onSaga = func(string, order.Order) { recorded = shop.payments["pay_1"].State }
	a := s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
	if want := `{"orderId":"` + o.ID.String() + `","status":"PAYMENT_PENDING"}`; string(a.body) != want {
		t.Errorf("%s", a.body)
	}
	if recorded != order.PaymentReceived || !slices.Equal(shop.seenCalls(), []string{"received pay_1"}) {
		t.Errorf("recorded %q before the signal, calls %v", recorded, shop.seenCalls())
	}
}

func TestPaymentThatWasDealtWithIsAcceptedAndNothingMore(t *testing.T) {
	for _, state := range []order.PaymentState{order.PaymentRefunding, order.PaymentRefunded} {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", order.PaymentPending)
		s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
		shop.move(o.ID, order.Confirmed)
		shop.setPayment("pay_1", state)
		if a := s.pay(o, paid("pay_1", 3998, "EUR")).ok(t); !strings.Contains(string(a.body), "CONFIRMED") {
			t.Errorf("%s", a.body)
		}
		if calls := shop.seenCalls(); len(calls) != 1 {
			t.Errorf("%s: calls %v", state, calls)
		}
	}
}

// Its workflow may wait for it yet: whoever told it may have died before it heard.
func TestReportOfAnAppliedPaymentRemindsTheWorkflow(t *testing.T) {
	for name, c := range map[string]struct {
		answer error
		status int
	}{
		"that waits for it":         {nil, 200},
		"that has ended":            {order.Errorf(order.CodeConflict, "The workflow has ended."), 200},
		"that cannot be told of it": {errors.New("connection refused"), 503},
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			s := serve(t, shop)
			o := shop.put("ann", order.PaymentPending)
			s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
			shop.move(o.ID, order.Confirmed)
			shop.setPayment("pay_1", order.PaymentApplied)
			shop.sagaErr = c.answer
			if a := s.pay(o, paid("pay_1", 3998, "EUR")); a.StatusCode != c.status {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			if calls := shop.seenCalls(); !slices.Equal(calls, []string{"received pay_1", "reminded of pay_1"}) {
				t.Errorf("calls %v", calls)
			}
		})
	}
}

func TestPaymentOfAFinalOrderIsRefunded(t *testing.T) {
	for _, status := range []order.Status{order.Failed, order.Cancelled, order.Confirmed} {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", status)
		s.pay(o, paid("late", 3998, "EUR")).ok(t)
		if calls := shop.seenCalls(); !slices.Equal(calls, []string{"refund late"}) {
			t.Errorf("%s: calls %v", status, calls)
		}
	}
}

func TestEndedWorkflowIsJudgedByTheDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		becomes order.Status
		state   order.PaymentState
		status  int
		refund  bool
	}{
		"timed out":             {order.Failed, order.PaymentReceived, 200, true},
		"confirmed by another":  {order.Confirmed, order.PaymentReceived, 200, true},
		"confirmed by this one": {order.Confirmed, order.PaymentApplied, 200, false},
		"not final: ask again":  {order.PaymentPending, order.PaymentReceived, 503, false},
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			shop.sagaErr = order.Errorf(order.CodeConflict, "The workflow has ended.")
			s := serve(t, shop)
			o := shop.put("ann", order.PaymentPending)
			shop.onSaga = func(string, order.Order) {
				shop.move(o.ID, c.becomes)
				shop.setPayment("pay_1", c.state)
			}
			a := s.pay(o, paid("pay_1", 3998, "EUR"))
			if a.StatusCode != c.status || slices.Contains(shop.seenCalls(), "refund pay_1") != c.refund {
				t.Errorf("%d %s, calls %v", a.StatusCode, a.body, shop.seenCalls())
			}
		})
	}
}

func TestUnreachableWorkflowMakesTheProviderRepeat(t *testing.T) {
	shop := newShop()
	shop.sagaErr = errors.New("connection refused")
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	s.pay(o, paid("pay_1", 3998, "EUR")).problem(t, 503, order.CodeUnavailable)
	if shop.payments["pay_1"].State != order.PaymentReceived {
		t.Errorf("%+v", shop.payments)
	}
	shop.sagaErr = nil
	s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
}

var wrongReports = []string{paid("pay_1", 3997, "EUR"), paid("pay_1", 3998, "USD"), paid("pay_1", 0, "EUR")}

func TestWrongAmountIsRefusedAndRecorded(t *testing.T) {
	for _, body := range wrongReports {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", order.PaymentPending)
		s.pay(o, body).problem(t, 409, order.CodeAmountMismatch)
		if shop.payments["pay_1"].State != order.PaymentMismatch || len(shop.seenCalls()) != 0 {
			t.Errorf("%+v, calls %v", shop.payments, shop.seenCalls())
		}
	}
}

// It used to be a trap: 409 for ever, though the buyer had paid.
func TestRightAmountAfterAWrongOneIsPassedOnOrRefunded(t *testing.T) {
	for status, want := range map[order.Status]string{order.PaymentPending: "received pay_1", order.Failed: "refund pay_1"} {
		for _, body := range wrongReports {
			shop := newShop()
			s := serve(t, shop)
			o := shop.put("ann", order.PaymentPending)
			s.pay(o, body).problem(t, 409, order.CodeAmountMismatch)
			shop.move(o.ID, status)
			s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
			if calls := shop.seenCalls(); !slices.Equal(calls, []string{want}) {
				t.Errorf("%s: calls %v", status, calls)
			}
		}
	}
}

func TestDeclineAfterAWrongAmountIsPassedOn(t *testing.T) {
	for _, body := range wrongReports {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", order.PaymentPending)
		s.pay(o, body).problem(t, 409, order.CodeAmountMismatch)
		s.declinePayment(o, `{"paymentId":"pay_1"}`).ok(t)
		if calls := shop.seenCalls(); !slices.Equal(calls, []string{"declined pay_1 "}) {
			t.Errorf("calls %v", calls)
		}
	}
}

func TestWrongAmountChangesNoPaymentThatIsKnown(t *testing.T) {
	for _, state := range []order.PaymentState{order.PaymentReceived, order.PaymentApplied, order.PaymentRefused, order.PaymentRefunded} {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", order.PaymentPending)
		s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
		shop.setPayment("pay_1", state)
		s.pay(o, paid("pay_1", 1, "EUR")).problem(t, 409, order.CodeAmountMismatch)
		if p := shop.payments["pay_1"]; p.State != state || p.Money != o.Total() {
			t.Errorf("%s became %+v", state, p)
		}
	}
}

// What Postgres cannot keep, or no text can hold, in fields that nobody reads.
var disliked = []string{
	`"note":"\u0000"`, `"\u0000":1`, `"note":{"a\u0000":["\u0000"]}`, "\"note\":\"\xff\"", "\"\xc3\x28\":true",
	`"note":"\ud800"`, `"\udfff":"\udc00\ud800"`, `"note":1,"note":2`, `"note":"\u0000","note":"\u0001"`,
}

// A report used to be 400 for it, and money was kept that nobody saw.
func TestReportIsNotJudgedByWhatNobodyReads(t *testing.T) {
	for _, field := range disliked {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", order.PaymentPending)
		s.pay(o, `{`+field+`,"paymentId":"pay_1","amount":3998,"currency":"EUR"}`).ok(t)
		s.declinePayment(o, `{"paymentId":"pay_2",`+field+`}`).ok(t)
		if calls := shop.seenCalls(); !slices.Equal(calls, []string{"received pay_1", "declined pay_2 "}) {
			t.Errorf("%q: calls %v", field, calls)
		}
	}
}

func TestReportIsJudgedByWhatIsRead(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	for _, body := range []string{
		`{"paymentId":"pay\u0000","amount":3998,"currency":"EUR"}`, "{\"paymentId\":\"p\xff\",\"amount\":3998,\"currency\":\"EUR\"}",
		`{"paymentId":"pay_1","amount":3998,"currency":"E\u0000R"}`, `{"paymentId":"pay_1","amount":3998,"currency":"EUR","amount":1}`,
		`{"paymentId":"pay_1","paymentId":"pay_1","amount":3998,"currency":"EUR"}`, `{"paymentId":"\ud800","amount":3998,"currency":"EUR"}`,
	} {
		s.pay(o, body).problem(t, 422, order.CodeValidation)
	}
	if !shop.unpaid() {
		t.Errorf("payments %v, calls %v", shop.payments, shop.seenCalls())
	}
}

func TestReasonOfADeclineIsCleanedAndCut(t *testing.T) {
	long := strings.Repeat("é", 150)
	for reason, want := range map[string]string{
		`"no funds"`: "no funds", `" a\u0000b\tc\n"`: "a b c", "\"bad \xff text\"": "bad \uFFFD text", `"\ud800!"`: "\uFFFD!",
		`"` + long + `"`: long[:200], `"x` + long + `"`: "x" + long[:198], `51`: "51", `{"code":"do_not_honor"}`: `{"code":"do_not_honor"}`,
		`null`: "", `""`: "", `"first","reason":"second"`: "first",
	} {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", order.PaymentPending)
		s.declinePayment(o, `{"paymentId":"pay_1","reason":`+reason+`}`).ok(t)
		if calls := shop.seenCalls(); !slices.Equal(calls, []string{"declined pay_1 " + want}) {
			t.Errorf("%s: calls %q", reason, calls)
		}
	}
}

// The signature covers the body and not the path.
func TestReportThatSaysWhatItIsAboutMustNotGoElsewhere(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o, other := shop.put("ann", order.PaymentPending), shop.put("bob", order.PaymentPending)
	success := func(more string) string { return `{"paymentId":"pay_1","amount":3998,"currency":"EUR",` + more + `}` }
	for field, more := range map[string]string{
		"orderId": `"orderId":"` + o.ID.String() + `"`, "type": `"type":"payment-failure"`,
	} {
		a := s.pay(other, success(more))
		a.problem(t, 422, order.CodeValidation)
		if !strings.Contains(string(a.body), `"field":"`+field+`"`) {
			t.Errorf("%s", a.body)
		}
	}
	for _, more := range []string{`"orderId":""`, `"orderId":7`, `"orderId":{}`, `"type":"payment-success","type":"payment-success"`} {
		s.pay(o, success(more)).problem(t, 422, order.CodeValidation)
	}
	s.declinePayment(o, success(`"type":"payment-success"`)).problem(t, 422, order.CodeValidation)
	if !shop.unpaid() {
		t.Errorf("payments %v, calls %v", shop.payments, shop.seenCalls())
	}
	s.pay(o, success(`"type":"payment-success","orderId":"`+strings.ToUpper(o.ID.String())+`"`)).ok(t)
	s.pay(o, success(`"type":null,"orderId":null`)).ok(t)
	for _, theirs := range []string{`""`, `true`, `"card"`, `"charge.succeeded"`} { // no event of ours: nobody reads it
		s.pay(o, success(`"type":`+theirs)).ok(t)
	}
	s.declinePayment(other, `{"paymentId":"pay_2","type":"payment-failure","orderId":"`+other.ID.String()+`"}`).ok(t)
}

// The buyer has paid, and the provider may not say so again: who is on call has
// to know which order that is and what was wrong, once for each report.
func TestASignedReportThatIsRefusedIsLogged(t *testing.T) {
	var log bytes.Buffer
	shop := newShop()
	s := serve(t, shop, func(c *Config, _ *Deps) { c.Log = zerolog.New(&log).Level(zerolog.WarnLevel) })
	for range 30 { // anybody may send these, and they hide nothing
		s.call("POST", "/orders/"+uuid.NewString()+"/payment-success", `{}`).problem(t, 401, order.CodeBadSignature)
	}
	o := shop.put("ann", order.PaymentPending)
	for name, c := range map[string]struct {
		answer answer
		said   string
	}{
		"amount as text":   {s.pay(o, `{"paymentId":"pay_1","amount":"3998","currency":"EUR"}`), `"field":"amount"`},
		"decline, no id":   {s.declinePayment(o, `{}`), `"field":"paymentId"`},
		"not JSON":         {s.pay(o, `paid`), "malformed-json"},
		"unknown currency": {s.pay(o, paid("pay_1", 3998, "Euro")), `"field":"currency"`},
	} {
		if !strings.Contains(log.String(), c.said) || c.answer.StatusCode/100 != 4 {
			t.Errorf("%s: %d, and the log says\n%s", name, c.answer.StatusCode, &log)
		}
	}
	if n := strings.Count(log.String(), "webhook refused"); n != 1 {
		t.Errorf("%d lines about thirty forgeries", n)
	}
	if n := strings.Count(log.String(), "a report was refused"); n != 4 || strings.Count(log.String(), o.ID.String()) != 4 {
		t.Errorf("%d lines about four reports:\n%s", n, &log)
	}
}

func TestPaymentOfAnotherOrderIsAConflict(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	s.pay(shop.put("ann", order.PaymentPending), paid("pay_1", 3998, "EUR")).ok(t)
	s.pay(shop.put("bob", order.PaymentPending), paid("pay_1", 3998, "EUR")).problem(t, 409, order.CodeConflict)
}

func TestDeclineIsRecordedThenPassedOn(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	s.declinePayment(o, `{"paymentId":"pay_1","reason":"no funds"}`).ok(t)
	if shop.payments["pay_1"].State != order.PaymentRefused || !slices.Equal(shop.seenCalls(), []string{"declined pay_1 no funds"}) {
		t.Errorf("%+v, calls %v", shop.payments, shop.seenCalls())
	}
	shop.sagaErr = order.Errorf(order.CodeConflict, "The workflow has ended.")
	s.declinePayment(o, `{"paymentId":"pay_1"}`).ok(t)
	shop.sagaErr = errors.New("connection refused")
	s.declinePayment(o, `{"paymentId":"pay_1"}`).problem(t, 503, order.CodeUnavailable)
	s.declinePayment(o, `{"reason":"no funds"}`).problem(t, 422, order.CodeValidation)
}

func TestPaymentAfterItsDeclineIsPassedOnOrRefunded(t *testing.T) {
	for status, want := range map[order.Status]string{order.PaymentPending: "received pay_1", order.Failed: "refund pay_1"} {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", order.PaymentPending)
		s.declinePayment(o, `{"paymentId":"pay_1"}`).ok(t)
		shop.move(o.ID, status)
		s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
		if calls := shop.seenCalls(); !slices.Equal(calls, []string{"declined pay_1 ", want}) {
			t.Errorf("%s: calls %v", status, calls)
		}
	}
}

func TestDeclineAfterThePaymentChangesNothing(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
	s.declinePayment(o, `{"paymentId":"pay_1","reason":"x"}`).ok(t)
	if shop.payments["pay_1"].State != order.PaymentReceived || len(shop.seenCalls()) != 1 {
		t.Errorf("%+v, calls %v", shop.payments, shop.seenCalls())
	}
}
