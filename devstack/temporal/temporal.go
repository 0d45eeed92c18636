// Package temporal runs a Temporal server with its web UI in this process.
//
// It is the real server in its smallest form: the four services on loopback
// ports, known to each other by a fixed list instead of a membership ring, on
// SQLite or on a Postgres.
package temporal

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	server "go.temporal.io/server/temporal"
)

// Loopback is the only address the server listens on.
const Loopback = "127.0.0.1"

// Config says where a Server listens and keeps its data.
type Config struct {
	Ports     Ports
	File      string        // SQLite file; empty keeps everything in memory
	Postgres  string        // libpq URL of a server to use instead of SQLite; its role may create databases
	Namespace string        // created when missing
	Retention time.Duration // of closed workflows in a created namespace; at least 24 h
	Log       zerolog.Logger
}

// Ports are the loopback ports of the server's services, all different.
type Ports struct{ Frontend, History, Matching, Worker, UI int }

// Server is a running Temporal server with its web UI.
type Server struct {
	Address string // of the frontend, host:port
	UI      string // URL of the web UI

	server server.Server
	ui     *webUI
	log    serverLog
}

// Start prepares the database, starts the server and its UI, and returns when
// the frontend serves the namespace.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	log := serverLog{cfg.Log, new(atomic.Int32)}
	log.from(zerolog.ErrorLevel)
	db, err := cfg.datastore(log)
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(cfg.options(db, log)...)
	if err != nil {
		return nil, fmt.Errorf("set up the Temporal server: %w", err)
	}
	if err := srv.Start(); err != nil {
		return nil, fmt.Errorf("start the Temporal server: %w", err)
	}
	s := &Server{Address: cfg.address(cfg.Ports.Frontend), server: srv, log: log}
	if err := s.ready(ctx, cfg); err != nil {
		return nil, fmt.Errorf("%w (then stopped: %v)", err, s.Stop())
	}
	log.from(zerolog.TraceLevel)
	return s, nil
}

func (s *Server) ready(ctx context.Context, cfg Config) error {
	if err := serves(ctx, s.Address, cfg.Namespace); err != nil {
		return err
	}
	if cfg.Ports.UI == 0 {
		return nil
	}
	ui, err := startUI(ctx, cfg.Ports.UI, s.Address)
	if err != nil {
		return err
	}
	s.ui, s.UI = ui, "http://"+cfg.address(cfg.Ports.UI)
	return nil
}

// Stop ends the UI and the server.
func (s *Server) Stop() error {
	s.log.from(zerolog.Disabled)
	if s.ui != nil {
		s.ui.stop()
	}
	return s.server.Stop()
}

func (cfg Config) address(port int) string {
	return net.JoinHostPort(Loopback, strconv.Itoa(port))
}
