package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

const lamp = `{"productId":"lamp","quantity":2}`

func TestBadOrdersAreRefusedAndNothingIsHeld(t *testing.T) {
	const malformed, invalid = order.CodeMalformedJSON, order.CodeValidation
	shop := newShop()
	site := serve(t, shop)
	for name, c := range map[string]struct {
		body  string
		code  order.Code
		field string // that errors must name
	}{
		"empty body":            {" ", malformed, ""},
		"not JSON":              {`{"productId":`, malformed, ""},
		"array":                 {`[` + lamp + `]`, malformed, ""},
		"string":                {`"lamp"`, malformed, ""},
		"null":                  {`null`, malformed, ""},
		"trailing data":         {lamp + `{}`, malformed, ""},
		"single quotes":         {`{'productId':'lamp','quantity':1}`, malformed, ""},
		"NUL byte":              {"{\"productId\":\"la\x00mp\",\"quantity\":1}", malformed, ""},
		"escaped NUL":           {`{"productId":"la\u0000mp","quantity":1}`, malformed, ""},
		"escaped NUL in a name": {`{"productId":"lamp","quantity":1,"x\u0000":1}`, malformed, ""},
		"invalid UTF-8":         {"{\"productId\":\"la\xffmp\",\"quantity\":1}", malformed, ""},
		"unknown field":         {`{"productId":"lamp","quantity":1,"coupon":"x"}`, invalid, "coupon"},
		"other case":            {`{"ProductId":"lamp","quantity":1}`, invalid, "ProductId"},
		"given twice":           {`{"productId":"lamp","quantity":1,"quantity":2}`, invalid, "quantity"},
		"no product":            {`{"quantity":1}`, invalid, "productId"},
		"product not text":      {`{"productId":7,"quantity":1}`, invalid, "productId"},
		"product empty":         {`{"productId":"","quantity":1}`, invalid, "productId"},
		"product with a slash":  {`{"productId":"../lamp","quantity":1}`, invalid, "productId"},
		"product not ASCII":     {`{"productId":"lämp","quantity":1}`, invalid, "productId"},
		"product too long":      {`{"productId":"` + strings.Repeat("a", 65) + `","quantity":1}`, invalid, "productId"},
		"no quantity":           {`{"productId":"lamp"}`, invalid, "quantity"},
		"quantity null":         {`{"productId":"lamp","quantity":null}`, invalid, "quantity"},
		"quantity zero":         {`{"productId":"lamp","quantity":0}`, invalid, "quantity"},
		"quantity negative":     {`{"productId":"lamp","quantity":-1}`, invalid, "quantity"},
		"quantity too large":    {`{"productId":"lamp","quantity":1001}`, invalid, "quantity"},
		"quantity not integer":  {`{"productId":"lamp","quantity":1.5}`, invalid, "quantity"},
		"quantity 1e400":        {`{"productId":"lamp","quantity":1e400}`, invalid, "quantity"},
		"quantity beyond int64": {`{"productId":"lamp","quantity":99999999999999999999}`, invalid, "quantity"},
		"quantity text":         {`{"productId":"lamp","quantity":"1"}`, invalid, "quantity"},
		"quantity list":         {`{"productId":"lamp","quantity":[1]}`, invalid, "quantity"},
		"price negative":        {`{"productId":"lamp","quantity":1,"unitPrice":-1}`, invalid, "unitPrice"},
		"price not integer":     {`{"productId":"lamp","quantity":1,"unitPrice":19.99}`, invalid, "unitPrice"},
		"above 8 KiB":           {`{"productId":"lamp","quantity":1` + strings.Repeat(" ", 8<<10) + `}`, order.CodeTooLarge, ""},
		"1 MB":                  {strings.Repeat("x", 1<<20), order.CodeTooLarge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.with(t)
			p := s.as("ann", "POST", "/orders", c.body).problem(t, kinds[c.code].status, c.code)
			if c.field != "" && !names(p, c.field) {
				t.Errorf("the errors do not name %s: %+v", c.field, p.Errors)
			}
			if !shop.untouched() {
				t.Error("something was written or held")
			}
		})
	}
}

func names(p problem, field string) bool {
	for _, e := range p.Errors {
		if e.Field == field && e.Message != "" {
			return true
		}
	}
	return false
}

func TestBadHeadersOfOrdersAreRefused(t *testing.T) {
	shop := newShop()
	site := serve(t, shop)
	for name, c := range map[string]struct {
		header, value string
		code          order.Code
	}{
		"form":               {"Content-Type", "application/x-www-form-urlencoded", order.CodeUnsupportedMediaType},
		"text":               {"Content-Type", "text/plain", order.CodeUnsupportedMediaType},
		"no type":            {"Content-Type", "", order.CodeUnsupportedMediaType},
		"compressed":         {"Content-Encoding", "gzip", order.CodeUnsupportedMediaType},
		"key too long":       {"Idempotency-Key", strings.Repeat("k", 256), order.CodeValidation},
		"key not ASCII":      {"Idempotency-Key", "schlüssel", order.CodeValidation},
		"key empty":          {"Idempotency-Key", `""`, order.CodeValidation},
		"key badly quoted":   {"Idempotency-Key", `"abc`, order.CodeValidation},
		"key wrongly escape": {"Idempotency-Key", `"a\bc"`, order.CodeValidation},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.with(t)
			s.as("ann", "POST", "/orders", lamp, c.header, c.value).problem(t, kinds[c.code].status, c.code)
			if !shop.untouched() {
				t.Error("something was written or held")
			}
		})
	}
}

func TestAcceptedOrderIsWrittenAsItWasHeld(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	a := s.as("ann", "POST", "/orders", ` {"quantity":2, "productId":"lamp", "unitPrice":1999} `, "Content-Type", "Application/JSON; charset=utf-8").ok(t)
	var got struct{ OrderID, Status, Message string }
	a.decode(t, &got)
	if a.StatusCode != 202 || got.Status != "PENDING" || got.Message != "Order reserved successfully. Processing payment..." ||
		a.Header.Get("Location") != "/orders/"+got.OrderID {
		t.Fatalf("%d %s %v", a.StatusCode, a.body, a.Header)
	}
	o := shop.orders[uuid.MustParse(got.OrderID)]
	if o.UserID != "ann" || o.ProductID != "lamp" || o.Quantity != 2 || o.UnitPrice != 1999 || o.Amount != 3998 ||
		o.Currency != "EUR" || o.Status != order.Pending || o.CreatedAt.IsZero() || o.ID.Version() != 7 {
		t.Errorf("%+v", o)
	}
	if held := shop.holds[o.ID]; held.Quantity != 2 || *held.UnitPrice != 1999 {
		t.Errorf("held %+v", held)
	}
}

func TestGateRefusalsAreAnswered(t *testing.T) {
	for _, code := range []order.Code{
		order.CodeSoldOut, order.CodePriceChanged, order.CodePurchaseLimit, order.CodePriceUnavailable, order.CodeSaleClosed, order.CodeUnavailable,
	} {
		shop := newShop()
		shop.gateErr = order.Errorf(code, "No.")
		s := serve(t, shop)
		a := s.as("ann", "POST", "/orders", lamp)
		a.problem(t, kinds[code].status, code)
		if (a.Header.Get("Retry-After") != "") != (code == order.CodeUnavailable) {
			t.Errorf("%s: Retry-After %q", code, a.Header.Get("Retry-After"))
		}
	}
}

// full is an intake that has no room.
type full struct{}

func (full) Refusal() error {
	return &order.Error{Code: order.CodeOverloaded, Message: "Later.", RetryAfter: time.Second}
}

func (f full) Accept(context.Context, order.Request) (uuid.UUID, error) {
	return uuid.UUID{}, f.Refusal()
}

func TestOverloadIsToldWithATimeToComeBack(t *testing.T) {
	s := serve(t, newShop(), func(_ *Config, d *Deps) { d.Intake = full{} })
	a := s.as("ann", "POST", "/orders", lamp)
	a.problem(t, 503, order.CodeOverloaded)
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestFailedInsertDropsTheHoldUnlessTheOrderMayExist(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		holds int
		code  order.Code
	}{
		"refused":   {order.Errorf(order.CodeOverloaded, "The queue is full."), 0, order.CodeOverloaded},
		"withdrawn": {errors.New("withdrawn"), 0, order.CodeUnavailable},
		"unknown":   {fmt.Errorf("commit: %w", order.ErrOutcomeUnknown), 1, order.CodeOutcomeUnknown},
		"away":      {order.Wrap(order.ErrOutcomeUnknown, order.CodeOutcomeUnknown, "Gone."), 1, order.CodeOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			shop.insertErr = c.err
			s := serve(t, shop)
			p := s.as("ann", "POST", "/orders", lamp).problem(t, 503, c.code)
			if len(shop.holds) != c.holds {
				t.Errorf("%d holds, want %d", len(shop.holds), c.holds)
			}
			if unknown := c.code == order.CodeOutcomeUnknown; strings.Contains(p.Detail, "GET /orders") != unknown || strings.Contains(p.Detail, "same Idempotency-Key") {
				t.Errorf("told %q", p.Detail)
			}
			p = s.keyed(lamp, "abc").problem(t, 503, c.code)
			if len(shop.holds) != 2*c.holds {
				t.Errorf("with a key, %d holds, want %d", len(shop.holds), 2*c.holds)
			}
			if unknown := c.code == order.CodeOutcomeUnknown; strings.Contains(p.Detail, "same Idempotency-Key") != unknown {
				t.Errorf("with a key, told %q", p.Detail)
			}
		})
	}
}

func TestAmountThatOverflowsIsRefusedAndItsHoldDropped(t *testing.T) {
	shop := newShop()
	p := shop.products["lamp"]
	p.UnitPrice = 1 << 62
	shop.products["lamp"] = p
	s := serve(t, shop)
	s.as("ann", "POST", "/orders", lamp).problem(t, 422, order.CodeValidation)
	if !shop.untouched() {
		t.Error("something was written or held")
	}
}

func (s *site) keyed(body, key string) answer {
	s.Helper()
	return s.as("ann", "POST", "/orders", body, "Idempotency-Key", key)
}

func orderIDOf(t *testing.T, a answer) uuid.UUID {
	t.Helper()
	var got struct {
		OrderID uuid.UUID `json:"orderId"`
	}
	a.ok(t).decode(t, &got)
	return got.OrderID
}

func TestSameKeyAndBodyGiveTheSameOrder(t *testing.T) {
	spaced := `{ "quantity": 2, "productId": "lamp" }`
	for name, between := range map[string]func(*shop){
		"at once":            func(*shop) {},
		"after a flush":      func(s *shop) { clear(s.gateKeys) },
		"when sold out":      func(s *shop) { s.gateErr = order.Errorf(order.CodeSoldOut, "No."); clear(s.gateKeys) },
		"after the sale":     func(s *shop) { s.gateErr = order.Errorf(order.CodeSaleClosed, "No."); clear(s.gateKeys) },
		"without a price":    func(s *shop) { clear(s.products); clear(s.gateKeys) },
		"for another price":  func(s *shop) { s.gateErr = order.Errorf(order.CodePriceChanged, "No."); clear(s.gateKeys) },
		"at the buyer's cap": func(s *shop) { s.gateErr = order.Errorf(order.CodePurchaseLimit, "No."); clear(s.gateKeys) },
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			s := serve(t, shop)
			first := orderIDOf(t, s.keyed(lamp, "abc"))
			between(shop)
			if again := orderIDOf(t, s.keyed(spaced, `"abc"`)); again != first {
				t.Errorf("first %s, then %s", first, again)
			}
			if len(shop.orders) != 1 || len(shop.holds) != 1 {
				t.Errorf("%d orders, %d holds", len(shop.orders), len(shop.holds))
			}
		})
	}
}

func TestSameKeyWithAnotherBodyIsAMismatch(t *testing.T) {
	for name, between := range map[string]func(*shop){
		"at once":       func(*shop) {},
		"after a flush": func(s *shop) { clear(s.gateKeys) },
		"when sold out": func(s *shop) { s.gateErr = order.Errorf(order.CodeSoldOut, "No."); clear(s.gateKeys) },
		"not written":   func(s *shop) { clear(s.keys) },
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			s := serve(t, shop)
			s.keyed(lamp, "abc").ok(t)
			between(shop)
			s.keyed(`{"productId":"lamp","quantity":3}`, "abc").problem(t, 422, order.CodeIdempotencyMismatch)
			if len(shop.orders) != 1 || len(shop.holds) != 1 {
				t.Errorf("%d orders, %d holds", len(shop.orders), len(shop.holds))
			}
		})
	}
}

// After an hour, or a flush, the gate meets a key as if for the first time, and
// then remembers it with whatever body it came with.
func TestAKeyStaysItsOrdersAfterAnotherBodyWasRefused(t *testing.T) {
	for name, gateErr := range map[string]error{
		"by the store": nil,
		"by the gate":  order.Errorf(order.CodeSoldOut, "No."),
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			s := serve(t, shop)
			first := orderIDOf(t, s.keyed(lamp, "abc"))
			clear(shop.gateKeys)
			shop.gateErr = gateErr
			for range 2 {
				s.keyed(`{"productId":"lamp","quantity":3}`, "abc").problem(t, 422, order.CodeIdempotencyMismatch)
				if again := orderIDOf(t, s.keyed(lamp, "abc")); again != first {
					t.Errorf("first %s, then %s", first, again)
				}
			}
			if len(shop.orders) != 1 || len(shop.holds) != 1 {
				t.Errorf("%d orders, %d holds", len(shop.orders), len(shop.holds))
			}
		})
	}
}

func TestAFreshKeyIsNotLookedUp(t *testing.T) {
	shop := newShop()
	shop.lookupErr = errors.New("asked the database")
	s := serve(t, shop)
	s.keyed(lamp, "abc").ok(t)
}

func TestKeyIsTheUsersOwn(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	mine := orderIDOf(t, s.keyed(lamp, "abc"))
	if theirs := orderIDOf(t, s.as("bob", "POST", "/orders", lamp, "Idempotency-Key", "abc")); theirs == mine {
		t.Error("two users share an order")
	}
}

func TestKeyWhoseOrderWasNeverWrittenIsWrittenUnderItsFirstID(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	first := orderIDOf(t, s.keyed(lamp, "abc"))
	clear(shop.orders) // the process died between gate and commit
	clear(shop.keys)
	clear(shop.holds)
	if again := orderIDOf(t, s.keyed(lamp, "abc")); again != first {
		t.Errorf("first %s, then %s", first, again)
	}
	if _, held := shop.holds[first]; !held || len(shop.orders) != 1 {
		t.Errorf("%d holds, %d orders", len(shop.holds), len(shop.orders))
	}
}

// The last unit was the first request's, which is written after the retry
// looked for it and before the retry asks the gate again.
func TestRetryOfAnOrderWrittenMeanwhileIsNotRefused(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	first := orderIDOf(t, s.keyed(lamp, "abc"))
	keys, orders := shop.keys, shop.orders
	shop.keys, shop.orders = map[string]order.Accepted{}, map[uuid.UUID]order.Order{} // not yet
	shop.onMiss = func() {
		shop.keys, shop.orders, shop.gateErr = keys, orders, order.Errorf(order.CodeSoldOut, "No.")
	}
	if again := orderIDOf(t, s.keyed(lamp, "abc")); again != first {
		t.Errorf("first %s, then %s", first, again)
	}
}

// Its saga has put it back after a failover, which the gate knows nothing of.
func TestRetryOfAnOrderThatWasRestoredIsItsOrder(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	first := orderIDOf(t, s.keyed(lamp, "abc"))
	clear(shop.keys) // a restored order has none
	clear(shop.holds)
	shop.gateErr = order.Errorf(order.CodeSoldOut, "No.")
	if again := orderIDOf(t, s.keyed(lamp, "abc")); again != first {
		t.Errorf("first %s, then %s", first, again)
	}
	s.keyed(`{"productId":"lamp","quantity":1}`, "abc").problem(t, 422, order.CodeIdempotencyMismatch)
	if len(shop.orders) != 1 || len(shop.holds) != 0 {
		t.Errorf("%d orders, %d holds", len(shop.orders), len(shop.holds))
	}
}

func TestFailedRetryLeavesTheHoldOfItsTwin(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	s.keyed(lamp, "abc").ok(t)
	clear(shop.keys) // as while the first request waits for its commit
	clear(shop.orders)
	shop.insertErr = order.Errorf(order.CodeOverloaded, "The queue is full.")
	s.keyed(lamp, "abc").problem(t, 503, order.CodeOverloaded)
	if len(shop.holds) != 1 {
		t.Errorf("%d holds, want the first request's", len(shop.holds))
	}
}

// A database that refuses does so at once, and who is told so comes again: the
// free units must not become holds of orders that nobody gets.
func TestWhileInsertsFailRepeatedKeysHoldNothing(t *testing.T) {
	shop := newShop()
	shop.insertErr = errors.New("read-only")
	s := serve(t, shop)
	for range 3 {
		for _, key := range []string{"a", "b", "c"} {
			s.keyed(lamp, key).problem(t, 503, order.CodeUnavailable)
		}
	}
	if len(shop.holds) != 0 {
		t.Errorf("%d holds", len(shop.holds))
	}
	shop.insertErr = nil
	s.keyed(lamp, "a").ok(t)
}

func TestRefusedKeyIsNotRefusedForGoodWhileTheDatabaseIsAway(t *testing.T) {
	shop := newShop()
	shop.gateErr = order.Errorf(order.CodeSoldOut, "No.")
	shop.lookupErr = order.Errorf(order.CodeUnavailable, "Gone.")
	s := serve(t, shop)
	s.keyed(lamp, "abc").problem(t, 503, order.CodeUnavailable)
}

func TestFloodOfOneUserIsLimitedAndOthersAreNot(t *testing.T) {
	shop := newShop()
	s := serve(t, shop, func(c *Config, _ *Deps) { c.UserRPS = 0.001 }) // a burst of one
	s.as("ann", "POST", "/orders", lamp).ok(t)
	a := s.as("ann", "POST", "/orders", lamp)
	a.problem(t, 429, order.CodeRateLimited)
	h := a.Header
	if h.Get("RateLimit-Policy") != `"user";q=1;w=2` || !strings.HasPrefix(h.Get("RateLimit"), `"user";r=0;t=`) || h.Get("Retry-After") == "" {
		t.Errorf("%v", h)
	}
	s.as("bob", "POST", "/orders", lamp).ok(t)
	if len(shop.orders) != 2 {
		t.Errorf("%d orders", len(shop.orders))
	}
}

func TestGlobalLimitHoldsForAllUsers(t *testing.T) {
	s := serve(t, newShop(), func(c *Config, _ *Deps) { c.GlobalRPS = 0.001 })
	s.as("ann", "POST", "/orders", lamp).ok(t)
	s.as("bob", "POST", "/orders", lamp).problem(t, 429, order.CodeRateLimited)
}

func TestLimiterForgetsUsersByGenerations(t *testing.T) {
	l := newLimiter(1, 0)
	first := l.bucket("ann", time.Now())
	for i := range maxUsers {
		l.bucket(fmt.Sprint(i), time.Now())
	}
	if l.bucket("ann", time.Now()) != first {
		t.Error("a user of the last generation was forgotten")
	}
	if len(l.young) > maxUsers || len(l.old) > maxUsers {
		t.Errorf("%d + %d buckets", len(l.young), len(l.old))
	}
}
