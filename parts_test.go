package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestAPartThatWouldWaitForEverLeavesTimeToThoseBehindIt(t *testing.T) {
	p := parts{log: zerolog.Nop()}
	behind := errors.New("never stopped")
	p.add("relay", func(ctx context.Context) error { behind = ctx.Err(); return nil })
	p.add("http", leaving(time.Minute, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+100*time.Millisecond)
	defer cancel()
	if err := p.stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want to hear that HTTP was cut off", err)
	}
	if behind != nil {
		t.Errorf("the part behind: %v", behind)
	}
}
