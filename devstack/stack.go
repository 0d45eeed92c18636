package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"order-service/devstack/ports"
)

// stack is the environment of the command: the parts that were started, and
// where they and those that were there already are found.
type stack struct {
	opts     options
	dir      string // absolute
	lock     *os.File
	book     *ports.Book
	env      map[string]string // of the command
	exported []string          // names in env that devstack set
	parts    []running         // in the order they were started
	log      zerolog.Logger
}

// running is a started part.
type running struct {
	name string
	stop func() error
}

// newStack prepares the data directory. Its lock makes sure that one devstack
// serves it at a time, so that a server found running there is a stale one.
func newStack(opts options, environ []string, log zerolog.Logger) (*stack, error) {
	s := &stack{opts: opts, env: make(map[string]string), log: log}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		s.env[name] = value
	}
	if err := s.openDir(); err != nil {
		return nil, err
	}
	if err := s.takeLock(); err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "ports.json")
	if !s.durable() {
		file = ""
	}
	var err error
	if s.book, err = ports.Open(file); err != nil {
		return nil, err
	}
	for name, port := range opts.ports {
		s.book.Fix(name, *port)
	}
	if opts.demo {
		if err := s.demoEnvironment(); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

func (s *stack) durable() bool { return s.opts.data != "" }

func (s *stack) openDir() (err error) {
	if !s.durable() {
		s.dir, err = os.MkdirTemp("", "devstack-")
	} else if s.dir, err = filepath.Abs(s.opts.data); err == nil {
		err = os.MkdirAll(s.dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("the data directory: %w", err)
	}
	if os.Geteuid() == 0 { // Postgres, which gives up root, must pass through
		return os.Chmod(s.dir, 0o711)
	}
	return nil
}

func (s *stack) takeLock() (err error) {
	if s.lock, err = os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another devstack serves %s: %w", s.dir, err)
	}
	return nil
}

// start starts, in order, each part whose address is not set.
func (s *stack) start(ctx context.Context) error {
	begun := time.Now()
	for _, part := range []struct {
		name, env string
		start     func(context.Context) (started, error)
	}{
		{"postgres", "DATABASE_URL", s.startPostgres},
		{"redis", "REDIS_URL", s.startRedis},
		{"kafka", "KAFKA_BOOTSTRAP", s.startKafka},
		{"temporal", "TEMPORAL_ADDRESS", s.startTemporal},
	} {
		if s.env[part.env] != "" {
			s.log.Info().Msgf("%-9s not started: %s is set", part.name, part.env)
			continue
		}
		begun := time.Now()
		p, err := part.start(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		s.parts = append(s.parts, running{part.name, p.stop})
		s.export(part.env, p.address)
		s.log.Info().Msgf("%-9s %s, %s", part.name, p.what, since(begun))
	}
	where := "data in " + s.dir
	if !s.durable() {
		where = "data is not kept"
	}
	s.log.Info().Msgf("ready after %s, %s", since(begun), where)
	return context.Cause(ctx)
}

func since(begun time.Time) time.Duration { return time.Since(begun).Round(10 * time.Millisecond) }

func (s *stack) export(name, value string) {
	s.env[name] = value
	s.exported = append(s.exported, name)
}

// environ is the command's environment.
func (s *stack) environ() []string {
	var environ []string
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		environ = append(environ, name+"="+s.env[name])
	}
	return environ
}

// stop ends the parts in reverse and removes a temporary directory. A second
// call does nothing.
func (s *stack) stop() {
	for _, p := range slices.Backward(s.parts) {
		begun := time.Now()
		if err := p.stop(); err != nil {
			s.log.Error().Err(err).Msg("stop " + p.name)
			continue
		}
		s.log.Info().Msgf("%-9s stopped, %s", p.name, since(begun))
	}
	s.parts = nil
	if !s.durable() {
		if err := os.RemoveAll(s.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.log.Error().Err(err).Msg("remove the temporary directory")
		}
	}
	s.book.Close()
	_ = s.lock.Close()
}
