package api

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// readReport is readBody for a provider's report. Providers add fields of their
// own, and what is in those is their affair: money must not go unseen for a
// character that nobody reads.
func readReport(c *fiber.Ctx, limit int) (*body, error) {
	raw, err := rawBody(c, limit)
	if err != nil {
		return nil, err
	}
	return parseReport(raw)
}

func parseReport(raw []byte) (*body, error) {
	b := &body{foreign: true}
	b.members = b.few[:0]
	if !b.split(raw) {
		return nil, order.Errorf(order.CodeMalformedJSON, "The body is not one JSON object.")
	}
	return b, nil
}

// same notes a field that is there and not what the request says elsewhere, in
// letters of either case.
func (b *body) same(name, want string) {
	raw := b.take(name)
	if raw != nil && (raw[0] != '"' || !strings.EqualFold(unquote(raw), want)) {
		b.wrong(name, "must be "+want+", as in the path")
	}
}

// kind notes a type that is another event's. One that is no event of ours is
// the provider's affair: a type of card, say.
func (b *body) kind(event string) {
	raw := b.take("type")
	for _, other := range []string{paymentSucceeded, paymentFailed} {
		if other != event && raw != nil && raw[0] == '"' && unquote(raw) == other {
			b.wrong("type", "must be "+event+", as in the path")
		}
	}
}

// words returns a text for people, fit to be kept and shown in at most limit
// bytes. It is never refused: what is no string is shown as it is written.
func (b *body) words(name string, limit int) string {
	m := b.find(name)
	if m == nil || string(m.value) == "null" {
		return ""
	}
	text := string(m.value)
	if text[0] == '"' {
		text = unquote(m.value)
	}
	return clean(text, limit)
}

// clean makes spaces of control characters and cuts text before the character
// that would pass the limit.
func clean(text string, limit int) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError))))
	if len(text) <= limit {
		return text
	}
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
