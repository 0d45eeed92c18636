package api

import (
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"order-service/order"
)

// wall is a board that shows its watchers one event and nothing more.
type wall struct {
	refusal error
	expires chan time.Time // may be nil: when the streams served have to end
}

func (w *wall) Files() fs.FS {
	return fstest.MapFS{
		"board.html":    {Data: []byte("<!doctype html><title>A board</title>")},
		"board.css":     {Data: []byte("body {}")},
		"board/main.js": {Data: []byte("draw()")},
	}
}

func (w *wall) Admit() error { return w.refusal }

func (w *wall) Serve(conn net.Conn, expires time.Time) {
	if w.expires != nil {
		w.expires <- expires
	}
	_, _ = io.WriteString(conn, "event: board\ndata: {}\n\n")
	_ = conn.Close()
}

func serveBoard(t *testing.T, w *wall) *site {
	t.Helper()
	return serve(t, newShop(), func(_ *Config, d *Deps) { d.Board = w })
}

func TestBoardIsForAdministratorsOnly(t *testing.T) {
	s := serveBoard(t, &wall{})
	s.call("GET", "/board/events", "").problem(t, 401, order.CodeUnauthenticated)
	s.as("ann", "GET", "/board/events", "").problem(t, 403, order.CodeForbidden)
	s.call("GET", "/board/events", "", "Cookie", "access_token="+token(t, "ann")).problem(t, 403, order.CodeForbidden)
	a := s.call("GET", "/board/events", "", "Cookie", "access_token="+token(t, "admin")).ok(t)
	if string(a.body) != "event: board\ndata: {}\n\n" || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%s %s", a.Header.Get("Content-Type"), a.body)
	}
}

// A login service may set the cookie for every path, so it must open nothing
// that changes anything.
func TestCookieChangesNothing(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("admin", order.PaymentPending)
	cookie := "access_token=" + token(t, "admin")
	for _, request := range []string{
		"POST /orders", "POST /orders/" + o.ID.String() + "/cancel", "PUT /admin/products/lamp", "POST /admin/products/lamp/restock",
	} {
		method, path, _ := strings.Cut(request, " ")
		s.call(method, path, `{}`, "Cookie", cookie).problem(t, 401, order.CodeUnauthenticated)
	}
	if calls := shop.seenCalls(); len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

func TestBoardThatIsFullSaysSo(t *testing.T) {
	s := serveBoard(t, &wall{refusal: order.Errorf(order.CodeTooManyStreams, "twenty watch already")})
	s.as("admin", "GET", "/board/events", "").problem(t, 429, order.CodeTooManyStreams)
}

func TestBoardEndsWithTheToken(t *testing.T) {
	w := &wall{expires: make(chan time.Time, 1)}
	s := serveBoard(t, w)
	expiry := time.Now().Add(time.Hour).Truncate(time.Second)
	short := signed(t, jwt.SigningMethodHS256, []byte(testSecret), jwt.MapClaims{
		"iss": testIssuer, "userId": "admin", "roles": []string{"ROLE_ADMIN"}, "exp": expiry.Unix(),
	})
	s.call("GET", "/board/events", "", "Authorization", "Bearer "+short).ok(t)
	if at := <-w.expires; !at.Equal(expiry) {
		t.Errorf("it ends at %v, the token at %v", at, expiry)
	}
}

func TestHeadOfTheBoardTakesNoConnection(t *testing.T) {
	s := serveBoard(t, &wall{})
	if a := s.as("admin", "HEAD", "/board/events", ""); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
}

func TestBoardsPageIsServedWithItsFiles(t *testing.T) {
	s := serveBoard(t, &wall{})
	for path, kind := range map[string]string{"/board": "text/html", "/board.css": "text/css", "/board/main.js": "text/javascript"} {
		a := s.call("GET", path, "").ok(t)
		if !strings.HasPrefix(a.Header.Get("Content-Type"), kind) || a.Header.Get("Content-Security-Policy") != pagePolicy {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
}
