package order

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of error for clients, logs and retry decisions. api maps
// codes to HTTP statuses, saga to retry or not; nothing else decides by error.
type Code string

// The codes, as they stand in problem+json, and the situations behind them.
// "again" marks those that may pass with time (see Permanent).
//
//	the request cannot be read
//	  the body is not one JSON object                                malformed-json
//	  the body is too large, or not JSON, or compressed              too-large, unsupported-media-type
//	  there is nothing at the path, or not by this method            not-found, method-not-allowed
//	  a field, parameter or key is wrong, or the amount too large    validation, with Fields
//	  no token, or none that counts; one without the role            unauthenticated; forbidden
//	the order is refused, and nothing is held
//	  fewer units are free, or the buyer has enough                  sold-out, purchase-limit
//	  the price is another; the sale has not begun or is over        price-changed; sale-closed
//	  the gate has no such product, or was emptied                   price-unavailable, again
//	  the key belongs to another body                                idempotency-mismatch
//	  the buyer, or everybody, is too fast                           rate-limited, again
//	  too many wait already                                          overloaded, again
//	an order or product is asked for or changed
//	  it is not there, or, of an order, someone else's               order-not-found, product-not-found
//	  it has ended                                                   not-cancellable
//	  its status is not where the move starts; the workflow has
//	  ended; the payment id is another order's                       conflict
//	  the stock would not cover what is sold                         stock-below-sold
//	a provider reports
//	  the signature, the sandbox's link too, is wrong or old         bad-signature
//	  the payment is not what the order costs                        amount-mismatch
//	the service cannot
//	  a backend is away                                              unavailable, again
//	  a write was sent and no answer came: it may have been done     outcome-unknown, again
//	  too many streams are open, or long polls wait                  too-many-streams, again
//	  anything else                                                  internal, again
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
	CodeOutcomeUnknown       Code = "outcome-unknown" // with ErrOutcomeUnknown as a cause
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
	case "", CodeInternal, CodeUnavailable, CodeOutcomeUnknown, CodeOverloaded, CodeRateLimited, CodeTooManyStreams, CodePriceUnavailable:
		return false
	}
	return true
}
