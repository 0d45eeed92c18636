package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"order-service/order"
)

// sandboxLinks believes links whose sig is "good".
type sandboxLinks struct{}

func (sandboxLinks) Verify(q url.Values) (order.Payment, error) {
	if q.Get("sig") != "good" {
		return order.Payment{}, order.Errorf(order.CodeBadSignature, "This payment link is not valid.")
	}
	amount, _ := strconv.ParseInt(q.Get("amount"), 10, 64)
	return order.Payment{
		ID: q.Get("payment"), OrderID: uuid.MustParse(q.Get("order")), Money: order.Money{Amount: amount, Currency: q.Get("currency")},
	}, nil
}

func TestDemoLoginGrantsATokenAndACookieForStreams(t *testing.T) {
	s := serve(t, newShop(), func(c *Config, _ *Deps) { c.PublicURL = "https://shop.example"; c.JWT.Audience = "shop" })
	a := s.call("POST", "/dev/login", `{"userId":"ann"}`).ok(t)
	var got login
	a.decode(t, &got)
	if got.UserID != "ann" || got.TokenType != "Bearer" || !slices.Equal(got.Roles, []role{roleUser}) {
		t.Errorf("%s", a.body)
	}
	s.call("GET", "/orders", "", "Authorization", "Bearer "+got.AccessToken).ok(t)
	s.call("GET", "/admin/products/lamp", "", "Authorization", "Bearer "+got.AccessToken).problem(t, 403, order.CodeForbidden)
	cookie := a.Header.Get("Set-Cookie")
	for _, part := range []string{"access_token=" + got.AccessToken, "HttpOnly", "SameSite=Strict", "secure", "path=/orders;"} {
		if !strings.Contains(strings.ToLower(cookie), strings.ToLower(part)) {
			t.Errorf("%s is not in %s", part, cookie)
		}
	}
	a = s.call("POST", "/dev/login", `{"admin":true}`).ok(t)
	a.decode(t, &got)
	if cookie := a.Header.Get("Set-Cookie"); !strings.Contains(strings.ToLower(cookie), "path=/board;") {
		t.Errorf("the operator's cookie %s replaces the buyer's", cookie)
	}
	s.call("GET", "/admin/products/lamp", "", "Authorization", "Bearer "+got.AccessToken).ok(t)
}

func TestDemoLoginTakesNoFormsAndIsOffByDefault(t *testing.T) {
	s := serve(t, newShop())
	s.call("POST", "/dev/login", "userId=ann", "Content-Type", "application/x-www-form-urlencoded").problem(t, 415, order.CodeUnsupportedMediaType)
	s.call("POST", "/dev/login", `{"userId":"a\nb"}`).problem(t, 422, order.CodeValidation)
	off := serve(t, newShop(), func(c *Config, _ *Deps) { c.DevLogin, c.Sandbox = false, false })
	off.call("POST", "/dev/login", `{}`).problem(t, 404, order.CodeNotFound)
	off.call("GET", "/sandbox/pay", "").problem(t, 404, order.CodeNotFound)
}

func sandboxQuery(o order.Order, sig string) string {
	return url.Values{
		"order": {o.ID.String()}, "payment": {"sandbox-1"}, "amount": {strconv.FormatInt(o.Amount, 10)}, "currency": {o.Currency}, "sig": {sig},
	}.Encode()
}

func TestSandboxTellsTheShopByItsOwnWebhook(t *testing.T) {
	for choice, call := range map[string]string{"pay": "received sandbox-1", "decline": "declined sandbox-1 declined in the sandbox"} {
		shop := newShop()
		s := serve(t, shop)
		o := shop.put("ann", order.PaymentPending)
		page := s.call("GET", "/sandbox/pay?"+sandboxQuery(o, "good"), "").ok(t)
		if text := string(page.body); !strings.Contains(text, "39.98 EUR") || !strings.Contains(text, `name="sig" value="good"`) ||
			!strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s", text)
		}
		s.call("POST", "/sandbox/pay", sandboxQuery(o, "good")+"&choice="+choice, "Content-Type", "application/x-www-form-urlencoded").ok(t)
		if calls := shop.seenCalls(); !slices.Equal(calls, []string{call}) {
			t.Errorf("%s: calls %v", choice, calls)
		}
	}
}

func TestSandboxSaysWhatItsReportIsAbout(t *testing.T) {
	for choice, event := range map[string]string{"pay": "payment-success", "decline": "payment-failure"} {
		var path string
		var report struct{ Type, OrderID string }
		told := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			path = r.URL.Path
			if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
				t.Error(err)
			}
		}))
		shop := newShop()
		s := serve(t, shop)
		s.loopback.base = told.URL
		o := shop.put("ann", order.PaymentPending)
		s.call("POST", "/sandbox/pay", sandboxQuery(o, "good")+"&choice="+choice, "Content-Type", "application/x-www-form-urlencoded").ok(t)
		told.Close()
		if report.Type != event || report.OrderID != o.ID.String() || path != "/orders/"+report.OrderID+"/"+report.Type {
			t.Errorf("%s was sent to %s with %+v", choice, path, report)
		}
	}
}

func TestSandboxRefusesForgedLinksAndOtherChoices(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	s.call("GET", "/sandbox/pay?"+sandboxQuery(o, "forged"), "").problem(t, 401, order.CodeBadSignature)
	s.call("POST", "/sandbox/pay", sandboxQuery(o, "forged")+"&choice=pay").problem(t, 401, order.CodeBadSignature)
	s.call("POST", "/sandbox/pay", sandboxQuery(o, "good")).problem(t, 422, order.CodeValidation)
	if calls := shop.seenCalls(); len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

// What somebody else has added to a link must not choose for the buyer.
func TestSandboxRepeatsNothingButTheLink(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	link := sandboxQuery(shop.put("ann", order.PaymentPending), "good")
	hidden := func(query string) []string {
		page := s.call("GET", "/sandbox/pay?"+query, "").ok(t)
		return regexp.MustCompile(`type="hidden" name=.*`).FindAllString(string(page.body), -1)
	}
	want := hidden(link)
	if len(want) != 5 {
		t.Errorf("of the link the form repeats %q", want)
	}
	if got := hidden("choice=decline&" + link + "&amount=1&other=x&choice=pay"); !slices.Equal(got, want) {
		t.Errorf("the form repeats %q, want %q", got, want)
	}
}

func TestSandboxSaysWhenTheShopRefusedThePayment(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	o.Amount++
	a := s.call("POST", "/sandbox/pay", sandboxQuery(o, "good")+"&choice=pay").ok(t)
	if !strings.Contains(string(a.body), "did not take the payment") {
		t.Errorf("%s", a.body)
	}
}

func TestSandboxShowsBrowsersAPageWhenALinkCannotBeUsed(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	query := sandboxQuery(shop.put("ann", order.PaymentPending), "forged")
	for method, path := range map[string]string{"GET": "/sandbox/pay?" + query, "POST": "/sandbox/pay"} {
		a := s.call(method, path, "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		if a.StatusCode != 401 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") ||
			!strings.Contains(string(a.body), "This payment link is not valid.") || strings.Contains(string(a.body), "<form") {
			t.Errorf("%s: %d %s", method, a.StatusCode, a.body)
		}
	}
}

func TestPagesShowMoneyByTheServicesOwnExponents(t *testing.T) {
	script := string(serve(t, newShop()).call("GET", "/money.js", "").ok(t).body)
	for _, part := range []string{`"JPY":0`, `"KWD":3`, `"CLF":4`} {
		if !strings.Contains(script, part) {
			t.Errorf("%s is not in %s", part, script)
		}
	}
	if strings.Contains(script, `"RSD"`) || strings.Contains(script, "order.Exponents") {
		t.Errorf("%s", script)
	}
}

func TestPageUsesNothingInline(t *testing.T) {
	s := serve(t, newShop())
	for path, kind := range map[string]string{"/": "text/html", "/shop/main.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml"} {
		a := s.call("GET", path, "").ok(t)
		if !strings.HasPrefix(a.Header.Get("Content-Type"), kind) || len(a.body) == 0 {
			t.Errorf("%s is %s", path, a.Header.Get("Content-Type"))
		}
		if again := s.call("GET", path, "", "If-None-Match", a.Header.Get("ETag")); again.StatusCode != 304 {
			t.Errorf("%s again: %d", path, again.StatusCode)
		}
		if policy := a.Header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, "script-src 'self'") {
			t.Errorf("%s: %s", path, policy)
		}
		if path == "/" && (strings.Contains(string(a.body), "<style") || strings.Contains(string(a.body), " style=") || strings.Contains(string(a.body), "<script>")) {
			t.Error("inline script or style")
		}
	}
}

// TestPageLoadsOnlyItsOwnFiles follows what the page and its modules name.
func TestPageLoadsOnlyItsOwnFiles(t *testing.T) {
	s := serve(t, newShop())
	named := regexp.MustCompile(`(?:src=|href=|from )"([^"#]+\.(?:js|css|svg))"`)
	seen := map[string]bool{}
	var follow func(file string)
	follow = func(file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		for _, name := range named.FindAllStringSubmatch(string(s.call("GET", file, "").ok(t).body), -1) {
			base := url.URL{Path: file}
			next, err := base.Parse(name[1])
			if err != nil || next.Host != "" {
				t.Errorf("%s names %s", file, name[1])
				continue
			}
			follow(next.Path)
		}
	}
	follow("/")
	modules, err := files.ReadDir("web/shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range modules {
		if !seen["/shop/"+module.Name()] {
			t.Errorf("nothing imports %s", module.Name())
		}
	}
}
