package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// openPools prepares the pools; each connects when it is used. It connects once,
// to find out whether cfg.URL leads to a pooler.
func (s *Store) openPools(ctx context.Context, cfg Config) error {
	conf, err := s.poolConfig("DATABASE_URL", cfg.URL, cfg.Password)
	if err != nil {
		return err
	}
	limitConns(conf, cfg)
	s.writes = wantsWrites(cfg.URL)
	direct, err := s.directConfig(conf, cfg)
	if err != nil {
		return err
	}
	if s.shared, err = leadsToPooler(ctx, conf); err != nil {
		return dbError("connect", err)
	}
	s.direct = cfg.Direct != ""
	intake, ledger := intakeConfig(conf), ledgerConfig(conf)
	if s.shared {
		for _, c := range []*pgxpool.Config{conf, intake, ledger} {
			shareSessions(c)
		}
	}
	for _, p := range []struct {
		to   **pgxpool.Pool
		conf *pgxpool.Config
	}{{&s.pool, conf}, {&s.intake, intake}, {&s.ledger, ledger}, {&s.sessions, direct}} {
		if *p.to, err = pgxpool.NewWithConfig(ctx, p.conf); err != nil {
			s.closePools()
			return fmt.Errorf("store: %w", err)
		}
		s.guard.watch(*p.to)
	}
	return nil
}

// limitConns bounds the pool by cfg, else by the URL's pool_max_conns.
func limitConns(conf *pgxpool.Config, cfg Config) {
	switch {
	case cfg.MaxConns > 0:
		conf.MaxConns = cfg.MaxConns
	case !strings.Contains(cfg.URL, "pool_max_conns"):
		conf.MaxConns = defaultConns
	}
}

// poolConfig is for connections to url, which the variable name has.
func (s *Store) poolConfig(name, url string, password func() (string, error)) (*pgxpool.Config, error) {
	conf, err := parseURL(url)
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", name, err)
	}
	s.connConfig(url, conf.ConnConfig)
	conf.BeforeConnect = refresh(url, password)
	conf.ShouldPing = s.guard.shouldPing
	// Planned for the tables as they are: a plan kept from when the sale began,
	// and the tables were empty, would scan them whole a minute later.
	conf.AfterConnect = setUp(bounded(settings{"plan_cache_mode": "force_custom_plan"}))
	return conf, nil
}

// ledgerConfig is the pool of the movers. To plan its statements takes longer than
// to run them, so each is planned once. All of them find few rows by an index, in
// tables that may be empty when the plan is made and have millions of rows later:
// the plan that is right then is the only one that is allowed.
func ledgerConfig(of *pgxpool.Config) *pgxpool.Config {
	return ownConfig(of, movers, settings{
		"plan_cache_mode": "force_generic_plan",
		"enable_seqscan":  "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	})
}

// ownConfig is a pool of so many connections for one purpose, to where of leads,
// whose sessions have settings for it.
func ownConfig(of *pgxpool.Config, conns int32, more settings) *pgxpool.Config {
	conf := of.Copy()
	conf.MaxConns = conns
	conf.AfterConnect = setUp(bounded(more))
	return conf
}

// directConfig is for connections that keep a session of their own: by
// cfg.Direct, or as of has it where that is the direct way.
func (s *Store) directConfig(of *pgxpool.Config, cfg Config) (conf *pgxpool.Config, err error) {
	conf, refusal := of.Copy(), errNoDirect
	if cfg.Direct != "" {
		refusal = errPooledDirect
		if conf, err = s.poolConfig("DATABASE_DIRECT_URL", cfg.Direct, cfg.Password); err != nil {
			return nil, err
		}
	}
	conf.MaxConns, conf.MinConns, conf.MinIdleConns = sessionConns, 0, 0
	conf.AfterConnect = ownSession(refusal, setUp(bounded(settings{"lock_timeout": milliseconds(migrationWait)})))
	return conf, nil
}

// connConfig bounds what a connection may do, whoever opens it.
func (s *Store) connConfig(url string, conf *pgx.ConnConfig) {
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = connectTimeout
	}
	conf.DialFunc, conf.Config.AfterConnect = dialer(conf.ConnectTimeout), ready
	conf.Tracer = s.guard
	requireWrites(url, conf)
}

func (s *Store) closePools() {
	for _, p := range []*pgxpool.Pool{s.sessions, s.ledger, s.intake, s.pool} {
		if p != nil {
			p.Close()
		}
	}
}
