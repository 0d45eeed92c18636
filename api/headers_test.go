package api

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"

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

// TestEveryHeaderThatIsReadHasARule looks for headers that the code reads, by
// their names or Fiber's or its own, and wants each in the list, or known to be
// read over all its lines or to choose no more than how an answer looks.
func TestEveryHeaderThatIsReadHasARule(t *testing.T) {
	free := []string{"Accept", "Accept-Encoding", "Cookie"}
	for _, name := range headersRead(t) {
		if singleOf([]byte(name)) == 0 && !slices.Contains(free, name) {
			t.Errorf("%s is read and has no rule in headers.go", name)
		}
	}
}

// headersRead are the arguments of c.Get and of the request header's Peek.
func headersRead(t *testing.T) (names []string) {
	t.Helper()
	constants := map[string]string{
		"HeaderAuthorization": fiber.HeaderAuthorization, "HeaderContentType": fiber.HeaderContentType,
		"HeaderContentEncoding": fiber.HeaderContentEncoding, "HeaderIfNoneMatch": fiber.HeaderIfNoneMatch,
		"HeaderIfMatch": fiber.HeaderIfMatch, "HeaderAcceptEncoding": fiber.HeaderAcceptEncoding, "HeaderOrigin": fiber.HeaderOrigin,
	}
	inspect := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || method.Sel.Name != "Peek" && (method.Sel.Name != "Get" || fmt.Sprint(method.X) != "c") {
			return true
		}
		switch argument := call.Args[0].(type) {
		case *ast.BasicLit:
			name, _ := strconv.Unquote(argument.Value)
			names = append(names, name)
		case *ast.SelectorExpr:
			name, known := constants[argument.Sel.Name]
			if !known {
				t.Errorf("what is %s?", argument.Sel.Name)
			}
			names = append(names, name)
		}
		return true
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, inspect)
	}
	if len(names) < 5 {
		t.Fatalf("only %q are read", names)
	}
	return names
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
