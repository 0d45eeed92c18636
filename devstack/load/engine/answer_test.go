package engine

import (
	"errors"
	"strconv"
	"testing"
)

var answers = map[string]struct {
	data   string
	status int
	body   string
	close  bool
}{
	"with a length":       {data: "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello", status: 202, body: "hello"},
	"lower case":          {data: "HTTP/1.1 200 OK\r\ncontent-length:5\r\nconnection: CLOSE\r\n\r\nhello", status: 200, body: "hello", close: true},
	"empty":               {data: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200},
	"no content":          {data: "HTTP/1.1 204 No Content\r\n\r\n", status: 204},
	"not modified":        {data: "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", status: 304},
	"no reason":           {data: "HTTP/1.1 503\r\nContent-Length: 2\r\n\r\n{}", status: 503, body: "{}"},
	"chunked":             {data: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n, sneakers\r\n0\r\n\r\n", status: 200, body: "hello, sneakers"},
	"chunked and trailed": {data: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", status: 200, body: "hi"},
	"chunked and empty":   {data: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", status: 200},
}

func TestAnswersAreReadWhole(t *testing.T) {
	for name, want := range answers {
		t.Run(name, func(t *testing.T) {
			a, n, err := parse([]byte(want.data + "HTTP/1.1 500 the next one"))
			if err != nil || n != len(want.data) {
				t.Fatalf("read %d bytes of %d: %v", n, len(want.data), err)
			}
			if a.Status != want.status || string(a.Body) != want.body || a.close != want.close {
				t.Errorf("got %+v %q, want %+v", a, a.Body, want)
			}
		})
	}
}

func TestHalfAnswersAreIncomplete(t *testing.T) {
	for name, whole := range answers {
		t.Run(name, func(t *testing.T) {
			for n := range len(whole.data) {
				if _, _, err := parse([]byte(whole.data[:n])); !errors.Is(err, errIncomplete) {
					t.Errorf("the first %d bytes: %v", n, err)
				}
			}
		})
	}
}

func TestWhatIsNotHTTPIsToldApart(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for data, want := range map[string]error{
		"SSH-2.0-OpenSSH_9.6 and more\r\n\r\n":                  errNotHTTP,
		"HTTP/1.1\r\n\r\n":                                      errNotHTTP,
		"HTTP/1.1 two OK\r\nContent-Length: 0\r\n\r\n":          errNotHTTP,
		chunked + "hello\r\n":                                   errNotHTTP,
		chunked + "\r\n":                                        errNotHTTP,
		chunked + "-1\r\n":                                      errNotHTTP,
		chunked + strconv.FormatInt(maxAnswer+1, 16) + "\r\n":   errNotHTTP,
		"HTTP/1.1 200 OK\r\n\r\n":                               errUnframed,
		"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello":    errUnframed,
		"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n": errUnframed,
	} {
		if _, _, err := parse([]byte(data)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", data, err, want)
		}
	}
}

func TestFieldsAreFoundInTheBody(t *testing.T) {
	problem := Answer{Status: 409, Body: []byte(`{"type":"/problems/sold-out","code": "sold-out"}`)}
	accepted := Answer{Status: 202, Body: []byte(`{"orderId":"0198","status":"PENDING","code":"no problem"}`)}
	login := Answer{Status: 200, Body: []byte(`{"accessToken":"a.b.c"}`)}
	for _, got := range []struct{ field, want []byte }{
		{problem.Problem(), []byte("sold-out")},
		{accepted.Problem(), nil},
		{accepted.OrderID(), []byte("0198")},
		{login.AccessToken(), []byte("a.b.c")},
		{Answer{Body: []byte(`{"orderId":17}`)}.OrderID(), nil},
		{Answer{Body: []byte(`{"orderId":"cut o`)}.OrderID(), nil},
	} {
		if string(got.field) != string(got.want) {
			t.Errorf("found %q, want %q", got.field, got.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a.data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, n, err := parse(data)
		if err == nil && (n > len(data) || len(a.Body) > len(data) || a.Status < 0 || a.Status > 999) {
			t.Errorf("%d bytes of %d: %+v", n, len(data), a)
		}
		a.Problem()
	})
}
