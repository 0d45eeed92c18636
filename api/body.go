package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// Limits of what a request may carry, in bytes.
const (
	maxBody    = 64 << 10
	maxOrder   = 8 << 10
	maxHeaders = 16 << 10
)

// body is a request's flat JSON object, taken apart by name. It is stricter
// than encoding/json: names match exactly, none may be given twice, and
// nothing is coerced, rounded or repaired. Text that is not one JSON object
// in UTF-8 is malformed; a field that is wrong is noted, so that a client
// hears of all of them at once.
//
// It lives as long as the request, whose memory it shows; what it returns as
// text is a copy.
type body struct {
	members  []member
	problems []order.FieldError
	foreign  bool      // the sender may add fields: what is not read is not judged
	few      [4]member // members of a body as short as most are
}

type member struct {
	name  []byte
	value []byte // raw JSON
	read  bool
	twice bool // there is another, which is wrong once somebody reads it
}

// readBody parses the request's body. Errors: CodeTooLarge above limit bytes,
// CodeUnsupportedMediaType, CodeMalformedJSON.
func readBody(c *fiber.Ctx, limit int) (*body, error) {
	raw, err := rawBody(c, limit)
	if err != nil {
		return nil, err
	}
	return parseBody(raw)
}

// rawBody returns the request's body, whose memory is the request's, if it is
// what it says to be.
func rawBody(c *fiber.Ctx, limit int) ([]byte, error) {
	raw := c.BodyRaw() // Body would inflate it, past any limit
	if len(raw) > limit {
		return nil, order.Errorf(order.CodeTooLarge, "The body is larger than %d bytes.", limit)
	}
	if !isJSON(c.Get(fiber.HeaderContentType)) || !isIdentity(c.Get(fiber.HeaderContentEncoding)) {
		return nil, order.Errorf(order.CodeUnsupportedMediaType, "The body must be application/json, not compressed.")
	}
	return raw, nil
}

func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), fiber.MIMEApplicationJSON)
}

func isIdentity(encoding string) bool {
	return encoding == "" || strings.EqualFold(encoding, "identity")
}

func parseBody(raw []byte) (*body, error) {
	b := new(body)
	b.members = b.few[:0]
	if !utf8.Valid(raw) || !b.split(raw) {
		return nil, order.Errorf(order.CodeMalformedJSON, "The body is not one JSON object in UTF-8 without NUL characters.")
	}
	return b, nil
}

// split notes the members of the one object that raw is.
func (b *body) split(raw []byte) bool {
	s := scanner(raw)
	if !s.eat('{') {
		return false
	}
	for first := true; !s.eat('}'); first = false {
		if !first && !s.eat(',') || !b.member(&s) {
			return false
		}
	}
	return s.next() == 0 && len(s) == 0
}

// member takes one member. Postgres cannot store a NUL, so none gets that far.
func (b *body) member(s *scanner) bool {
	name := s.text()
	if name == nil || !s.eat(':') {
		return false
	}
	value := s.value()
	if value == nil || !b.foreign && (hasNUL(name) || hasNUL(value)) {
		return false
	}
	b.add(bare(name), value)
	return true
}

func (b *body) add(name, value []byte) {
	switch first := b.find(string(name)); {
	case first == nil:
		b.members = append(b.members, member{name: name, value: value})
	case b.foreign:
		first.twice = true
	default:
		b.wrong(string(name), "is given twice")
	}
}

// hasNUL reports whether value is a string with a NUL, which can only stand
// there as an escape.
func hasNUL(value []byte) bool {
	return value[0] == '"' && escaped(value) && strings.ContainsRune(unquote(value), 0)
}

func escaped(text []byte) bool { return bytes.IndexByte(text, '\\') >= 0 }

// bare is unquote for what stays with the body: it copies only what it must.
func bare(text []byte) []byte {
	if escaped(text) {
		return []byte(unquote(text))
	}
	return text[1 : len(text)-1]
}

// unquote returns a copy of the text of a JSON string.
func unquote(value []byte) (text string) {
	if !escaped(value) {
		return string(value[1 : len(value)-1])
	}
	_ = json.Unmarshal(value, &text) // the scanner has found it valid
	return text
}

func (b *body) find(name string) *member {
	for i := range b.members {
		if string(b.members[i].name) == name {
			return &b.members[i]
		}
	}
	return nil
}

// take returns the raw value of a field; nil when it is absent or null.
func (b *body) take(name string) []byte {
	m := b.find(name)
	if m == nil {
		return nil
	}
	if m.read = true; m.twice {
		m.twice = false // said once
		b.wrong(name, "is given twice")
	}
	if string(m.value) == "null" {
		return nil
	}
	return m.value
}

func (b *body) wrong(name, message string) {
	b.problems = append(b.problems, order.FieldError{Field: name, Message: message})
}

// text returns a required string.
func (b *body) text(name string) string {
	if b.take(name) == nil {
		b.wrong(name, "is required")
	}
	return b.optionalText(name)
}

// optionalText returns a string, or "" when there is none.
func (b *body) optionalText(name string) string {
	raw := b.take(name)
	if raw == nil {
		return ""
	}
	if raw[0] != '"' {
		b.wrong(name, "must be a string")
		return ""
	}
	return unquote(raw)
}

// integer returns a required whole number.
func (b *body) integer(name string) int64 {
	n, given := b.number(name)
	if !given {
		b.wrong(name, "is required")
	}
	return n
}

// optionalInteger returns a whole number, or nil when there is none.
func (b *body) optionalInteger(name string) *int64 {
	if n, given := b.number(name); given {
		return &n
	}
	return nil
}

// number returns a whole number, if there is one. 1.0 and 1e3 are refused:
// amounts and counts are written as what they are.
func (b *body) number(name string) (n int64, given bool) {
	raw := b.take(name)
	if raw == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		b.wrong(name, "must be a whole number")
	}
	return n, true
}

// optionalTime returns an instant in UTC, or the zero time when there is none.
func (b *body) optionalTime(name string) time.Time {
	raw := b.take(name)
	if raw == nil {
		return time.Time{}
	}
	var text string // of what is no string, and of an empty one: neither is a time
	if raw[0] == '"' {
		text = unquote(raw)
	}
	t, err := order.ParseTime(text)
	if err != nil {
		b.wrong(name, err.Error())
	}
	return t
}

// flag returns a boolean, false when there is none.
func (b *body) flag(name string) bool {
	raw := b.take(name)
	if raw != nil && string(raw) != "true" && string(raw) != "false" {
		b.wrong(name, "must be true or false")
	}
	return string(raw) == "true"
}

// check returns what is wrong with the body as one CodeValidation error:
// fields nobody asked for, fields of the wrong form, and what domain says of
// the rest. It is nil when all is well.
func (b *body) check(domain error) error {
	for _, m := range b.members {
		if !m.read {
			b.wrong(string(m.name), "is not known")
		}
	}
	return b.checkKnown(domain)
}

// checkKnown is check for a sender that may add fields we do not know.
func (b *body) checkKnown(domain error) error {
	if order.CodeOf(domain) == order.CodeValidation {
		for _, f := range classify(domain).Fields {
			if !slices.ContainsFunc(b.problems, func(p order.FieldError) bool { return p.Field == f.Field }) {
				b.problems = append(b.problems, f)
			}
		}
	}
	if len(b.problems) == 0 {
		return domain
	}
	return &order.Error{Code: order.CodeValidation, Message: "The request is not valid.", Fields: b.problems}
}
