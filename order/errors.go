package order

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of error for clients, logs and retry decisions. api maps
// codes to HTTP statuses, saga to retry or not; nothing else decides by error.
type Code string

// The codes, as they stand in problem+json.
const (
	CodeMalformedJSON        Code = "malformed-json"
	CodeUnauthenticated      Code = "unauthenticated"
	CodeForbidden            Code = "forbidden"
	CodeSoldOut              Code = "sold-out"
	CodePriceChanged         Code = "price-changed"
	CodePurchaseLimit        Code = "purchase-limit"
	CodeTooLarge             Code = "too-large"
	CodeUnsupportedMediaType Code = "unsupported-media-type"
	CodeValidation           Code = "validation"
	CodePriceUnavailable     Code = "price-unavailable"
	CodeSaleClosed           Code = "sale-closed"
	CodeIdempotencyMismatch  Code = "idempotency-mismatch"
	CodeRateLimited          Code = "rate-limited"
	CodeOverloaded           Code = "overloaded"
	CodeUnavailable          Code = "unavailable"
	CodeOrderNotFound        Code = "order-not-found"
	CodeProductNotFound      Code = "product-not-found"
	CodeNotFound             Code = "not-found"
	CodeMethodNotAllowed     Code = "method-not-allowed"
	CodeNotCancellable       Code = "not-cancellable"
	CodeBadSignature         Code = "bad-signature"
	CodeAmountMismatch       Code = "amount-mismatch"
	CodeStockBelowSold       Code = "stock-below-sold"
	CodeTooManyStreams       Code = "too-many-streams"
	CodeConflict             Code = "conflict" // a compare-and-set lost: the order is not where the writer thought
	CodeInternal             Code = "internal"
)

// ErrOutcomeUnknown says that a write was sent and its outcome never learned:
// what it should have written may exist.
var ErrOutcomeUnknown = errors.New("the outcome of the write is unknown")

// Error is the one error type that crosses folders. Message is written for the
// client; a cause is wrapped for the log and never shown.
type Error struct {
	Code       Code
	Message    string
	Fields     []FieldError  // only with CodeValidation
	RetryAfter time.Duration // 0: the caller decides
	Err        error         // cause, for logs and errors.Is
}

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error returns the code, the message and the cause, for logs.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error with a formatted message for the client.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an Error that keeps cause for the log.
func Wrap(cause error, code Code, message string) *Error {
	return &Error{Code: code, Message: message, Err: cause}
}

// Invalid returns an Error with CodeValidation about one field.
func Invalid(field, message string) *Error {
	return &Error{Code: CodeValidation, Message: field + " " + message + ".", Fields: []FieldError{{field, message}}}
}

// CodeOf returns the code of the first Error in err's chain, CodeInternal for
// any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// Permanent reports whether repeating what failed with err can never succeed:
// the request itself is wrong. Errors without a code may pass with time.
func Permanent(err error) bool {
	switch CodeOf(err) {
	case "", CodeInternal, CodeUnavailable, CodeOverloaded, CodeRateLimited, CodeTooManyStreams, CodePriceUnavailable:
		return false
	}
	return true
}
