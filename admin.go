package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"order-service/config"
)

// startAdmin serves metrics and pprof to operators, away from buyers, and
// metrics alone to scrapers, which must not get at a heap with its secrets.
func (s *service) startAdmin(context.Context) error {
	if err := s.serveAdmin("METRICS_ADDR", s.cfg.MetricsAddr, metricsRoutes(s.metrics.Handler())); err != nil {
		return err
	}
	return s.serveAdmin("ADMIN_ADDR", s.cfg.AdminAddr, adminRoutes(s.metrics.Handler()))
}

// serveAdmin serves routes on the address that variable has.
func (s *service) serveAdmin(variable, addr string, routes http.Handler) error {
	if addr == config.Off {
		return nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%s (off for none): %w", variable, err)
	}
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	s.background("admin", func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		return server.Serve(listener)
	})
	return nil
}

func metricsRoutes(metrics http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics) // and HEAD
	return mux
}

func adminRoutes(metrics http.Handler) http.Handler {
	mux := metricsRoutes(metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol) // which is how go tool pprof asks
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
