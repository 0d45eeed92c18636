package bus

import "context"

type traceparentKey struct{}

// WithTraceparent returns a context whose records carry the W3C traceparent
// tp; the consumer hands a Starter such a context. A record written under no
// trace carries none: a parent that nobody recorded would only mislead.
func WithTraceparent(ctx context.Context, tp string) context.Context {
	return context.WithValue(ctx, traceparentKey{}, tp)
}

// Traceparent returns ctx's W3C traceparent, or "".
func Traceparent(ctx context.Context) string {
	tp, _ := ctx.Value(traceparentKey{}).(string)
	return tp
}
