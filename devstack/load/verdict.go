package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"time"

	"order-service/order"
	"order-service/retry"
)

// verdict says whether the service kept its promises.
type verdict struct {
	Intake   *intake  `json:"intake,omitempty"`
	System   *system  `json:"system,omitempty"`
	Failures []string `json:"failures,omitempty"` // of the service
	Skipped  []string `json:"skipped,omitempty"`  // what was not checked, and why
}

// system is what order-service --verify --json says.
type system struct {
	OK      bool `json:"ok"`
	Checked struct {
		Orders    int64 `json:"orders"`
		Payments  int64 `json:"payments"`
		Products  int64 `json:"products"`
		Workflows int64 `json:"workflows"`
	} `json:"checked"`
	Findings []order.Finding `json:"findings"`
	Notices  []order.Finding `json:"notices"`
	Unread   []order.Finding `json:"unread"` // parts without a verdict
}

func (v *verdict) skip(format string, args ...any) {
	v.Skipped = append(v.Skipped, fmt.Sprintf(format, args...))
}

// verify checks what the options ask for; of an interrupted run, the intake
// only. The error says that there is no verdict although one was asked for.
func (s *session) verify(ctx context.Context) (v verdict, err error) {
	database, way := s.getenv("DATABASE_URL"), s.opts.Verify
	if way == verifyOff {
		return v, nil
	}
	if database == "" {
		v.skip("whether anything was lost: DATABASE_URL is not set")
		return v, nil
	}
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	defer cancel()
	b, err := openBooks(asked, database, s.product.ID)
	if err != nil {
		return v, err
	}
	defer b.close()
	if v.Intake, err = s.audit(asked, b); err != nil {
		return v, err
	}
	v.Failures = v.Intake.failures()
	if way != verifyIntake {
		err = s.verifySystem(ctx, b, &v)
	}
	return v, err
}

// verifySystem runs order-service --verify once the workers are done. In auto
// what stands in the way is only noted.
func (s *session) verifySystem(ctx context.Context, b books, v *verdict) error {
	err := s.settled(ctx, b)
	if err == nil {
		v.System, err = s.insistOnVerdict(ctx)
	}
	switch {
	case err != nil && s.opts.Verify == verifyFull:
		return err
	case err != nil:
		v.skip("what follows an acceptance: %v", err)
	case !v.System.OK:
		v.Failures = append(v.Failures, fmt.Sprintf("order-service --verify found %d violations", len(v.System.Findings)))
	}
	return nil
}

const (
	lookEvery = 2 * time.Second
	stuckFor  = 10 * time.Second // without an order less, no worker runs
)

// settled waits until the workers have begun with every order.
func (s *session) settled(ctx context.Context, b books) error {
	defer s.console.clear()
	begun := time.Now()
	moved, last := begun, int64(math.MaxInt64)
	for {
		left, err := b.waiting(ctx)
		if ctx.Err() != nil {
			return errors.New("it was interrupted")
		}
		if err != nil || left == 0 {
			return err
		}
		if left < last {
			moved, last = time.Now(), left
			s.console.status(fmt.Sprintf("waiting for the workers: %d orders to go", left))
		}
		switch {
		case time.Since(moved) > stuckFor:
			return fmt.Errorf("%d orders are PENDING and none has moved for %v; does a worker run?", left, stuckFor)
		case time.Since(begun) > s.opts.Settle:
			return fmt.Errorf("%d orders are still PENDING after --settle=%v", left, s.opts.Settle)
		}
		retry.Sleep(ctx, lookEvery) // the next round sees its end
	}
}

// verifyAttempts are made, for a system that was just under load may not let
// itself be read.
const verifyAttempts = 5

// insistOnVerdict repeats order-service --verify until it has one.
func (s *session) insistOnVerdict(ctx context.Context) (found *system, err error) {
	s.console.say("%s --verify", s.opts.Binary)
	for range verifyAttempts {
		if found, err = runVerify(ctx, s.opts.Binary); err == nil || !retry.Sleep(ctx, lookEvery) {
			return found, err
		}
	}
	return nil, err
}

// runVerify executes order-service --verify --json. An error means that there
// is no verdict.
func runVerify(ctx context.Context, binary string) (*system, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, "--verify", "--json")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	failed := cmd.Run()
	found := &system{}
	if err := json.Unmarshal(stdout.Bytes(), found); err != nil {
		return nil, fmt.Errorf("%s --verify: %w: %s", binary, errors.Join(failed, err), stderr.String())
	}
	if len(found.Findings) == 0 && len(found.Unread) > 0 {
		return nil, fmt.Errorf("%s --verify could not read the %s: %s", binary, found.Unread[0].Subject, found.Unread[0].Detail)
	}
	return found, nil
}
