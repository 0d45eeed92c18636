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

// startAdmin serves metrics and pprof to operators, away from buyers.
func (s *service) startAdmin(context.Context) error {
	if s.cfg.AdminAddr == config.Off {
		return nil
	}
	listener, err := net.Listen("tcp", s.cfg.AdminAddr)
	if err != nil {
		return fmt.Errorf("ADMIN_ADDR (off for none): %w", err)
	}
	server := &http.Server{Handler: adminRoutes(s.metrics.Handler()), ReadHeaderTimeout: 10 * time.Second}
	s.background("admin", s.fail, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		return server.Serve(listener)
	})
	return nil
}

func adminRoutes(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
