package order

import (
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The AppendJSON methods write, to the byte, what EncodeJSON returns. A sale
// writes two events for every order, and what reflection and one buffer for
// each would cost shows there; a property test keeps the two alike.

// AppendJSON appends e as EncodeJSON writes it.
func (e ReservationEvent) AppendJSON(b []byte) []byte {
	b = appendWhose(b, e.OrderID, e.UserID)
	b = AppendText(append(b, `,"productId":`...), e.ProductID)
	b = appendInt(append(b, `,"quantity":`...), int64(e.Quantity))
	b = appendInt(append(b, `,"unitPrice":`...), e.UnitPrice)
	b = appendInt(append(b, `,"amount":`...), e.Amount)
	b = AppendText(append(b, `,"currency":`...), e.Currency)
	b = e.ReservedAt.AppendJSON(append(b, `,"reservedAt":`...))
	return append(b, '}')
}

// AppendJSON appends e as EncodeJSON writes it.
func (e CreatedEvent) AppendJSON(b []byte) []byte {
	b = appendWhose(b, e.OrderID, e.UserID)
	b = AppendText(append(b, `,"productId":`...), e.ProductID)
	b = appendInt(append(b, `,"quantity":`...), int64(e.Quantity))
	b = appendInt(append(b, `,"amount":`...), e.Amount)
	b = AppendText(append(b, `,"currency":`...), e.Currency)
	b = AppendText(append(b, `,"status":`...), string(e.Status))
	b = e.OccurredAt.AppendJSON(append(b, `,"occurredAt":`...))
	return append(b, '}')
}

// AppendJSON appends e as EncodeJSON writes it.
func (e ProgressEvent) AppendJSON(b []byte) []byte {
	b = appendWhose(b, e.OrderID, e.UserID)
	b = appendInt(append(b, `,"seq":`...), e.Seq)
	b = AppendText(append(b, `,"status":`...), string(e.Status))
	b = AppendText(append(b, `,"message":`...), e.Message)
	if e.Reason != "" {
		b = AppendText(append(b, `,"reason":`...), string(e.Reason))
	}
	if e.PaymentURL != "" {
		b = AppendText(append(b, `,"paymentUrl":`...), e.PaymentURL)
	}
	if !e.ExpiresAt.IsZero() {
		b = e.ExpiresAt.AppendJSON(append(b, `,"expiresAt":`...))
	}
	b = e.OccurredAt.AppendJSON(append(b, `,"occurredAt":`...))
	return append(b, '}')
}

// appendWhose appends what every event begins with.
func appendWhose(b []byte, id uuid.UUID, userID string) []byte {
	b = AppendID(append(b, `{"orderId":"`...), id)
	return AppendText(append(b, `","userId":`...), userID)
}

// AppendID appends id.String().
func AppendID(b []byte, id uuid.UUID) []byte {
	b = append(hex.AppendEncode(b, id[:4]), '-')
	b = append(hex.AppendEncode(b, id[4:6]), '-')
	b = append(hex.AppendEncode(b, id[6:8]), '-')
	b = append(hex.AppendEncode(b, id[8:10]), '-')
	return hex.AppendEncode(b, id[10:])
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// AppendText appends s as a JSON string, as EncodeJSON writes it. What needs an escape, or a look at its
// encoding, is rare enough to be left to the one who knows the rules.
func AppendText(b []byte, s string) []byte {
	if plain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	quoted, _ := EncodeJSON(s) // a string never fails
	return append(b, quoted...)
}

// plain reports whether s stands in JSON as it is, by its bytes alone.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// AppendJSON appends t as RFC 3339 UTC with exactly three fractional digits.
// Of time's layouts only time.RFC3339 has a fast path, which ends in Z here.
func (t Time) AppendJSON(b []byte) []byte {
	utc := t.UTC()
	b = utc.AppendFormat(append(b, '"'), time.RFC3339)
	ms := utc.Nanosecond() / int(time.Millisecond)
	return append(b[:len(b)-1], '.', digit(ms/100), digit(ms/10), digit(ms), 'Z', '"')
}

// digit is the last decimal digit of n.
func digit(n int) byte { return '0' + byte(n%10) }
