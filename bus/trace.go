package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/google/uuid"
)

type traceparentKey struct{}

// WithTraceparent returns a context whose records carry the W3C traceparent
// tp; the consumer hands a Starter such a context.
func WithTraceparent(ctx context.Context, tp string) context.Context {
	return context.WithValue(ctx, traceparentKey{}, tp)
}

// Traceparent returns ctx's W3C traceparent, or "".
func Traceparent(ctx context.Context) string {
	tp, _ := ctx.Value(traceparentKey{}).(string)
	return tp
}

// traceparent returns ctx's traceparent. Without one, the order is the trace:
// a UUIDv7 is a valid trace id with enough randomness
// (https://www.w3.org/TR/trace-context-2/#trace-id), so the events of one
// order meet in one trace whichever process wrote them.
func traceparent(ctx context.Context, id uuid.UUID) string {
	if tp := Traceparent(ctx); tp != "" {
		return tp
	}
	var span [8]byte
	_, _ = rand.Read(span[:]) // never fails
	return "00-" + hex.EncodeToString(id[:]) + "-" + hex.EncodeToString(span[:]) + "-01"
}
