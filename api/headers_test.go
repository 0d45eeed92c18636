package api

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	webhook "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"order-service/order"
)

func TestHeaderThatCountsOnceIsRefusedWhenItComesTwice(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	for _, name := range counted {
		if slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding"}, name) {
			continue // framing_test.go
		}
		for _, second := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			request := fmt.Sprintf("POST /orders HTTP/1.1\r\nHost: x\r\n%s: a\r\nX-Between: c\r\n%s: b\r\nContent-Length: 0\r\n\r\n", name, second)
			answers := s.converse(request)
			if len(answers) != 1 {
				t.Fatalf("%s: %d answers", name, len(answers))
			}
			p := answers[0].problem(t, 400, codeBadRequest)
			if !strings.Contains(p.Detail, second) {
				t.Errorf("%s: %q does not name it", name, p.Detail)
			}
		}
	}
	if !shop.untouched() {
		t.Error("something was done")
	}
}

// An empty key is a key that cannot be used, wherever it stands: what fasthttp
// says of an empty header depends on the memory that it was read into.
func TestAnEmptyIdempotencyKeyMakesNoOrder(t *testing.T) {
	shop := newShop()
	for place := range 12 {
		s := serve(t, shop) // each has memory of its own
		var before string
		for n := range place {
			before += fmt.Sprintf("X-%d: x\r\n", n)
		}
		s.raw(fmt.Sprintf("POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
			before+"Idempotency-Key:\r\nContent-Length: %d\r\n\r\n%s", token(t, "ann"), len(lamp), lamp)).
			problem(t, 422, order.CodeValidation)
	}
	if !shop.untouched() {
		t.Error("something was written or held")
	}
}

func TestTwoIdempotencyKeysMakeNoOrder(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	s.raw(fmt.Sprintf("POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Idempotency-Key: one\r\nIdempotency-Key: two\r\nContent-Length: %d\r\n\r\n%s", token(t, "ann"), len(lamp), lamp)).problem(t, 400, codeBadRequest)
	if !shop.untouched() {
		t.Error("an order was made")
	}
}

func TestHeadersThatHaveANameAreFirstInTheList(t *testing.T) {
	for name, want := range map[string]singles{
		"host": hostHeader, "CONTENT-LENGTH": contentLength, "Transfer-Encoding": transferEncoding, "origin": originHeader,
		"x-request-id": requestIDHeader, "X-Other": 0, "Cookie": 0, strings.Repeat("x", 100): 0,
	} {
		if got := singleOf([]byte(name)); got != want {
			t.Errorf("%s is %b, want %b", name, got, want)
		}
	}
	if len(counted) > 32 {
		t.Error("a set has 32 headers at most")
	}
}

// spelt are the headers that are read by something else than a text, in the
// words of the code. A variable is known in its file only.
var spelt = map[string][]string{
	"fiber.HeaderAcceptEncoding": {fiber.HeaderAcceptEncoding}, "fiber.HeaderAuthorization": {fiber.HeaderAuthorization},
	"fiber.HeaderContentEncoding": {fiber.HeaderContentEncoding}, "fiber.HeaderContentType": {fiber.HeaderContentType},
	"fiber.HeaderIfMatch": {fiber.HeaderIfMatch}, "fiber.HeaderIfNoneMatch": {fiber.HeaderIfNoneMatch},

	"requestid.go: xRequestID": {string(xRequestID)},
	"signature.go: name":       {webhook.HeaderWebhookID, webhook.HeaderWebhookSignature, webhook.HeaderWebhookTimestamp},
	"wrap.go: name":            {fiber.HeaderOrigin, fiber.HeaderXRequestID},
}

// TestEveryHeaderThatIsReadHasARule looks for headers that the code reads, and
// wants each in the list, or known to be read over all its lines, to choose no
// more than how an answer looks, or to count for nothing when it comes twice.
func TestEveryHeaderThatIsReadHasARule(t *testing.T) {
	free := []string{"Accept", "Accept-Encoding", "Cookie", "Traceparent"}
	read := headersRead(t)
	for _, name := range read {
		if singleOf([]byte(name)) == 0 && !slices.Contains(free, name) {
			t.Errorf("%s is read and has no rule in headers.go", name)
		}
	}
	for _, name := range []string{"Idempotency-Key", "Traceparent", "Webhook-Id", "X-Request-Id"} { // each read in another way
		if !slices.ContainsFunc(read, func(found string) bool { return strings.EqualFold(found, name) }) {
			t.Errorf("%s is read, and not seen", name)
		}
	}
}

// headersRead are the arguments of c.Get and of the request header's Peek,
// PeekBytes and PeekAll.
func headersRead(t *testing.T) (names []string) {
	t.Helper()
	source := ""
	inspect := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 || !readsHeader(call.Fun) {
			return true
		}
		argument := types.ExprString(call.Args[0])
		if name, err := strconv.Unquote(argument); err == nil {
			names = append(names, name)
		} else if known := slices.Concat(spelt[argument], spelt[source+": "+argument]); known != nil {
			names = append(names, known...)
		} else {
			t.Errorf("%s reads the header %s: which is it?", source, argument)
		}
		return true
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source = range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, inspect)
	}
	return names
}

// readsHeader reports whether a function returns a header of the request.
func readsHeader(function ast.Expr) bool {
	method, ok := function.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of := types.ExprString(method.X)
	switch method.Sel.Name {
	case "Get":
		return of == "c"
	case "Peek", "PeekBytes", "PeekAll":
		return !strings.Contains(of, "Response")
	}
	return false
}

func TestLargeLegalTokenFitsTwice(t *testing.T) {
	s := serve(t, newShop())
	large := signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(func(c jwt.MapClaims) { c["groups"] = strings.Repeat("g", 2850) }))
	if len(large) < 3900 || len(large) > 4096 {
		t.Fatalf("a token of %d bytes", len(large))
	}
	s.call("GET", "/orders", "", "Authorization", "Bearer "+large, "Cookie", "access_token="+large,
		"User-Agent", strings.Repeat("u", 300)).ok(t)
}

func TestProblemIsToldOfTheHeaderNotOfItsValue(t *testing.T) {
	p := serve(t, newShop()).raw("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nAuthorization: Bearer secret\r\n\r\n").
		problem(t, 400, codeBadRequest)
	if strings.Contains(p.Detail, "secret") || p.Code != order.Code("bad-request") {
		t.Errorf("%+v", p)
	}
}
