package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"order-service/fresh"
	"order-service/order"
)

// Config is what the handlers need to know.
type Config struct {
	PublicURL      string   // how browsers reach the service; https makes cookies Secure
	CORSOrigins    []string // origins of other sites' pages; empty: none
	JWT            JWTConfig
	WebhookSecrets []string      // whsec_…; several while rotating
	IdleTimeout    time.Duration // of a connection, before its first request and between two; 0: as long as a request may take to arrive
	ShutdownDelay  time.Duration // how long Drain serves on
	UserRPS        float64       // orders per second and user; 0: off
	GlobalRPS      float64       // orders per second; 0: off
	MaxPolls       int           // long polls that wait at once; 0: 50,000
	MaxUserPolls   int           // as many of one user; 0: 10
	DevLogin       bool          // serve /dev/login
	Sandbox        bool          // serve /sandbox/pay
	RequireIfMatch bool          // refuse to replace a product without a precondition
	Version        string
	Log            zerolog.Logger
}

// Timeouts of a connection and of one request's work.
const (
	readTimeout    = 10 * time.Second
	writeTimeout   = 10 * time.Second
	requestTimeout = 10 * time.Second
)

// Server serves HTTP. Listen and Serve start it, Shutdown ends it.
type Server struct {
	cfg       Config
	deps      Deps
	app       *fiber.App
	router    *router                 // of app, measured
	cors      fasthttp.RequestHandler // nil: no other origins
	auth      *authenticator
	limits    *limiter
	webhooks  webhookVerifier
	products  *fresh.Value[[]order.Product]
	ready     *fresh.Value[readiness]
	loopback  *loopback
	outages   zerolog.Logger // at a bounded rate
	strangers zerolog.Logger // of what anybody may cause: at a low rate of its own, so that it hides no outage
	ids       requestIDs

	openings *semaphore.Weighted // one for each stream that is being opened
	cancels  singleflight.Group  // one for each order that is being cancelled
	polls    *polls

	base     context.Context // of all requests; done when the server has shut down
	cancel   context.CancelFunc
	draining atomic.Bool
	stopping chan struct{} // closed when long polls have to end
	stop     sync.Once
	listener net.Listener
}

// New returns a server with every route. It fails when a secret, the JWKS URL
// or an origin cannot be used; an unreachable key server is not a failure.
func New(cfg Config, deps Deps) (s *Server, err error) {
	if cfg.JWT.hasKeySet() {
		keys := Check{Name: "token keys", Required: true, Ping: func(ctx context.Context) error { return s.auth.ready(ctx) }}
		deps.Checks = append(slices.Clone(deps.Checks), keys)
	}
	s = newServer(cfg, deps)
	if err := s.configure(); err != nil {
		s.cancel()
		return nil, err
	}
	s.routes()
	return s, nil
}

// NewHealth returns a server with /livez and /readyz only, for processes that
// serve no buyers.
func NewHealth(cfg Config, checks []Check) *Server {
	s := newServer(cfg, Deps{Checks: checks})
	s.healthRoutes()
	return s
}

func newServer(cfg Config, deps Deps) *Server {
	base, cancel := context.WithCancel(context.Background())
	if deps.Meter == nil {
		deps.Meter = unmetered{}
	}
	if deps.IntakeMeter == nil {
		deps.IntakeMeter = unmetered{}
	}
	s := &Server{
		cfg: cfg, deps: deps, limits: newLimiter(cfg.UserRPS, cfg.GlobalRPS),
		outages:   cfg.Log.Sample(&zerolog.BurstSampler{Burst: 20, Period: time.Second}),
		strangers: cfg.Log.Sample(&zerolog.BurstSampler{Burst: 1, Period: 10 * time.Second}),
		ids:       newRequestIDs(),
		loopback:  newLoopback(),
		openings:  semaphore.NewWeighted(openAtOnce),
		polls:     newPolls(cmp.Or(cfg.MaxPolls, 50_000), cmp.Or(cfg.MaxUserPolls, 10)),
		base:      base, cancel: cancel, stopping: make(chan struct{}),
	}
	s.products = fresh.New(productsTimeout, fresh.For(productsTTL), s.loadProducts)
	s.ready = fresh.New(checkTimeout, fresh.For(readyTTL), s.checkAll)
	s.app = fiber.New(fiber.Config{
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true,
		CaseSensitive:                true,
		BodyLimit:                    maxBody,
		ReadBufferSize:               maxHeaders,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  cfg.IdleTimeout,
		ErrorHandler:                 s.handleError,
		JSONEncoder:                  order.EncodeJSON,
	})
	s.router = newRouter(s.app, deps.Meter)
	s.app.Server().KeepHijackedConns = true // streams own theirs; fasthttp keeps no buffers for them
	s.app.Server().Handler = s.wrap(s.app.Server().Handler)
	s.app.Server().ExpectHandler = s.expect
	return s
}

// configure sets up what may be refused.
func (s *Server) configure() (err error) {
	if s.auth, err = newAuthenticator(s.base, s.cfg.JWT, s.cfg.Log); err != nil {
		return err
	}
	if s.webhooks, err = newWebhookVerifier(s.cfg.WebhookSecrets); err != nil {
		return err
	}
	if s.cfg.DevLogin && s.cfg.JWT.Secret == "" {
		return errors.New("the demo login signs tokens with the JWT secret, and there is none")
	}
	if len(s.cfg.CORSOrigins) > 0 {
		return s.allowOrigins()
	}
	return nil
}

// Checks are the lines of /readyz: those that it was given, and its own.
func (s *Server) Checks() []Check { return s.deps.Checks }

// Listen binds addr, so that an address in use is an error of the start. Port
// 0 picks a free one; Addr tells which.
func (s *Server) Listen(addr string) error {
	l := net.ListenConfig{Control: limitUnacked}
	l.SetMultipathTCP(false) // which has no such limit: a vanished client's stream would be kept
	tcp, err := l.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.listener = newListener(tcp, cmp.Or(s.cfg.IdleTimeout, readTimeout), s.cfg.Log)
	s.loopback.reach(tcp.Addr())
	return nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until Shutdown, then returns nil.
func (s *Server) Serve() error { return s.app.Listener(s.listener) }

// Drain tells balancers and clients to go elsewhere, by /readyz and by closing
// every connection after its next answer, and serves on meanwhile. It returns
// after the configured delay: a request on a connection that Shutdown closes
// under it would not be answered. When ctx ends first, its cause is returned.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	select {
	case <-time.After(s.cfg.ShutdownDelay):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Shutdown takes no new requests, ends long polls, and waits for the rest until
// ctx is done. Streams are for those to end who serve them. It may be called
// twice, and on a server that never listened.
func (s *Server) Shutdown(ctx context.Context) (err error) {
	s.stop.Do(func() {
		close(s.stopping)
		err = s.app.ShutdownWithContext(ctx)
		if s.listener != nil {
			_ = s.listener.Close() // already closed where Serve had begun
		}
		s.cancel()
		s.loopback.close()
		if s.auth != nil {
			s.auth.close()
		}
	})
	return err
}

// context bounds the work for one request. fasthttp cannot tell that a client
// has gone, so there is nothing else to derive it from.
func (s *Server) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.base, requestTimeout)
}
