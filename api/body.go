package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
	maxHeaders = 8 << 10
)

// body is a request's flat JSON object, taken apart by name. It is stricter
// than encoding/json: names match exactly, none may be given twice, and
// nothing is coerced, rounded or repaired. Text that is not one JSON object
// in UTF-8 is malformed; a field that is wrong is noted, so that a client
// hears of all of them at once.
type body struct {
	members  []member
	problems []order.FieldError
}

type member struct {
	name  string
	value []byte // raw JSON
	read  bool
}

// readBody parses the request's body. Errors: CodeTooLarge above limit bytes,
// CodeUnsupportedMediaType, CodeMalformedJSON.
func readBody(c *fiber.Ctx, limit int) (*body, error) {
	raw := c.BodyRaw() // Body would inflate it, past any limit
	if len(raw) > limit {
		return nil, order.Errorf(order.CodeTooLarge, "The body is larger than %d bytes.", limit)
	}
	if !isJSON(c.Get(fiber.HeaderContentType)) || !isIdentity(c.Get(fiber.HeaderContentEncoding)) {
		return nil, order.Errorf(order.CodeUnsupportedMediaType, "The body must be application/json, not compressed.")
	}
	return parseBody(raw)
}

func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), fiber.MIMEApplicationJSON)
}

func isIdentity(encoding string) bool {
	return encoding == "" || strings.EqualFold(encoding, "identity")
}

func parseBody(raw []byte) (*body, error) {
	b := &body{members: make([]member, 0, 4)}
	if !utf8.Valid(raw) || b.split(json.NewDecoder(bytes.NewReader(raw))) != nil {
		return nil, order.Errorf(order.CodeMalformedJSON, "The body is not one JSON object in UTF-8 without NUL characters.")
	}
	return b, nil
}

var errNotAnObject = errors.New("not one JSON object")

// split reads one object to the end of the input and notes its members.
func (b *body) split(dec *json.Decoder) error {
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return errNotAnObject
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := b.add(name.(string), value); err != nil { // a name is always a string
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errNotAnObject
	}
	return nil
}

// add notes a member. Postgres cannot store a NUL, so none gets that far.
func (b *body) add(name string, value []byte) error {
	if strings.ContainsRune(name, 0) || strings.ContainsRune(unquote(value), 0) {
		return errNotAnObject
	}
	if b.find(name) != nil {
		b.wrong(name, "is given twice")
		return nil
	}
	b.members = append(b.members, member{name: name, value: value})
	return nil
}

// unquote returns the text of a JSON string, "" for another value.
func unquote(value []byte) (text string) {
	if value[0] == '"' {
		_ = json.Unmarshal(value, &text) // the decoder has found it valid
	}
	return text
}

func (b *body) find(name string) *member {
	for i := range b.members {
		if b.members[i].name == name {
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
	m.read = true
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
	n := b.optionalInteger(name)
	if n == nil {
		b.wrong(name, "is required")
		return 0
	}
	return *n
}

// optionalInteger returns a whole number, or nil when there is none. 1.0 and
// 1e3 are refused: amounts and counts are written as what they are.
func (b *body) optionalInteger(name string) *int64 {
	raw := b.take(name)
	if raw == nil {
		return nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		b.wrong(name, "must be a whole number")
	}
	return &n
}

// optionalTime returns an RFC 3339 instant in UTC, or the zero time.
func (b *body) optionalTime(name string) time.Time {
	text := b.optionalText(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		b.wrong(name, "must be a time such as 2026-01-31T12:00:00Z")
	}
	return t.UTC()
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
			b.wrong(m.name, "is not known")
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
