package engine

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve starts a server for the test.
func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func accepted(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"orderId":"x"}`)
}

// get writes GET / for every request.
func get(_ uint64, buf []byte) []byte { return append(buf, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"...) }

// drive runs cfg against s, unless it says otherwise with eight connections.
func drive(t *testing.T, ctx context.Context, s *httptest.Server, cfg Config) (*Run, Result) {
	t.Helper()
	cfg.Address, cfg.Write = s.Listener.Addr().String(), get
	if cfg.Connections == 0 {
		cfg.Connections = 8
	}
	r := New(cfg)
	result, err := r.Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if counted := r.Tally.Count(Any); counted != result.Sent {
		t.Errorf("sent %d requests and counted %d", result.Sent, counted)
	}
	return r, result
}

// closedLoop and openLoop are the two kinds, for what both have to do.
var loops = map[string]func() Arrivals{
	"closed loop": func() Arrivals { return nil },
	"open loop":   func() Arrivals { return Poisson(2000, 1) },
}

func TestRunSendsAsManyAsItMay(t *testing.T) {
	for name, arrivals := range loops {
		t.Run(name, func(t *testing.T) {
			var seen [500]atomic.Int32
			s := serve(t, accepted)
			r, result := drive(t, t.Context(), s, Config{
				Arrivals: arrivals(), Duration: time.Minute, Requests: uint64(len(seen)),
				Read: func(n uint64, a Answer) {
					if string(a.OrderID()) == "x" {
						seen[n].Add(1)
					}
				},
			})
			if result.Sent != 500 || r.Tally.Count(Accepted) != 500 || result.Unsent != 0 {
				t.Errorf("%+v, %v; want 500 accepted", result, r.Tally.Outcomes())
			}
			for n := range seen {
				if got := seen[n].Load(); got != 1 {
					t.Errorf("the answer to request %d was read %d times", n, got)
				}
			}
		})
	}
}

func TestRunEndsAfterItsDuration(t *testing.T) {
	for name, arrivals := range loops {
		t.Run(name, func(t *testing.T) {
			_, result := drive(t, t.Context(), serve(t, accepted), Config{Arrivals: arrivals(), Duration: time.Second})
			if result.Sent == 0 || result.Offered > time.Second || result.Elapsed > defaultPatience {
				t.Errorf("%+v", result)
			}
		})
	}
}

func TestCancelledRunEnds(t *testing.T) {
	for name, arrivals := range loops {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var asked atomic.Int64
			leave := make(chan struct{})
			s := serve(t, func(http.ResponseWriter, *http.Request) {
				if asked.Add(1) == 8 { // every connection waits for an answer
					cancel()
				}
				<-leave
			})
			defer close(leave)
			r, result := drive(t, ctx, s, Config{Arrivals: arrivals(), Duration: time.Hour})
			if result.Elapsed > grace+20*time.Second {
				t.Errorf("it took %v", result.Elapsed)
			}
			if got := r.Tally.Count(func(o Outcome) bool { return o == Outcome{0, "no-answer"} }); got != 8 {
				t.Errorf("%d were not answered, want one for each connection", got)
			}
		})
	}
}

// A run that lags behind its arrivals never waits for one, and has to notice
// its end all the same.
func TestCancelledRunEndsAlsoWhenItIsLate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		accepted(w, r)
	})
	_, result := drive(t, ctx, s, Config{Arrivals: Poisson(1e9, 1), Duration: time.Hour, Connections: 1})
	if result.Elapsed > grace+20*time.Second {
		t.Errorf("it took %v", result.Elapsed)
	}
}

func TestBrokenConnectionsAreOpenedAnew(t *testing.T) {
	for name, arrivals := range loops {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch n.Add(1) % 10 {
				case 3:
					w.Header().Set("Connection", "close")
				case 7:
					panic(http.ErrAbortHandler)
				}
				accepted(w, r)
			})
			r, result := drive(t, t.Context(), s, Config{Arrivals: arrivals(), Duration: time.Minute, Requests: 500})
			if broken := r.Tally.Count(Broken); broken != 50 || r.Tally.Count(Accepted) != 450 {
				t.Errorf("%d of %v broke, want 50 of 500", broken, r.Tally.Outcomes())
			}
			if result.Dialled < 90 {
				t.Errorf("%d connections were opened for 100 that ended", result.Dialled)
			}
		})
	}
}

// Connections that a server closes for idleness may do so at the very moment
// that a request is due.
func TestConnectionsClosedWhileIdleLoseNothingUncounted(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(accepted))
	s.Config.IdleTimeout = 2 * time.Millisecond
	s.Start()
	defer s.Close()
	r, result := drive(t, t.Context(), s, Config{Arrivals: Poisson(400, 1), Duration: time.Second, Connections: 2})
	if result.Unsent > 0 || r.Tally.Count(Accepted) < result.Sent/10 { // a busy machine closes more of them
		t.Errorf("%+v, %v", result, r.Tally.Outcomes())
	}
}

func TestAnswersThatAreNotHTTPAreCounted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 100))
			_, _ = c.Write([]byte("220 mail.example ESMTP\r\n\r\n"))
			c.Close()
		}
	}()
	r := New(Config{Address: l.Addr().String(), Write: get, Connections: 1, Requests: 3, Duration: time.Minute})
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.Tally.Count(func(o Outcome) bool { return o.Code == "not-http" }); got != 3 {
		t.Errorf("%v, want three that are not HTTP", r.Tally.Outcomes())
	}
}

func TestRunSpeaksTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(accepted))
	defer s.Close()
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for name, arrivals := range loops {
		t.Run(name, func(t *testing.T) {
			r, _ := drive(t, t.Context(), s, Config{
				TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}, Arrivals: arrivals(), Duration: time.Minute, Requests: 50,
			})
			if got := r.Tally.Count(Accepted); got != 50 {
				t.Errorf("%d accepted of %v", got, r.Tally.Outcomes())
			}
		})
	}
}

func TestRunWithoutAServiceDoesNotBegin(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	r := New(Config{Address: s.Listener.Addr().String(), Write: get, Connections: 4, Duration: time.Second})
	if _, err := r.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "open 4 connections") {
		t.Errorf("got %v", err)
	}
}

func TestPoissonArrivalsComeAtTheirRate(t *testing.T) {
	const n, rate = 100_000, 5000
	next := Poisson(rate, 7)
	var last time.Duration
	var squares float64
	for range n {
		at := next()
		gap := (at - last).Seconds() * rate
		squares += (gap - 1) * (gap - 1)
		last = at
	}
	if mean := last.Seconds() * rate / n; math.Abs(mean-1) > .02 {
		t.Errorf("gaps are %v of those of the rate", mean)
	}
	if variance := squares / n; math.Abs(variance-1) > .05 {
		t.Errorf("the gaps' variance is %v, want 1: an exponential distribution", variance)
	}
}
