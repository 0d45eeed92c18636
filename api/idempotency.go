package api

import (
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// idempotencyKey returns the Idempotency-Key header, bare or as the quoted
// string of draft-ietf-httpapi-idempotency-key-header, or "" when there is
// none. A key that is there and cannot be used is CodeValidation: dropping it
// silently would take away the protection the client counts on.
func idempotencyKey(c *fiber.Ctx) (string, error) {
	line := onlyLine(c.Request().Header.PeekAll("Idempotency-Key"))
	if line == nil {
		return "", nil
	}
	key := string(line)
	if strings.HasPrefix(key, `"`) {
		var ok bool
		if key, ok = unquoteKey(key); !ok {
			return "", order.Invalid("Idempotency-Key", "is not a well-formed quoted string")
		}
	}
	printable := func(r rune) bool { return r >= ' ' && r <= '~' }
	if key == "" || len(key) > order.MaxIdempotencyKey || strings.IndexFunc(key, func(r rune) bool { return !printable(r) }) >= 0 {
		return "", order.Invalid("Idempotency-Key", fmt.Sprintf("must be 1 to %d printable ASCII characters", order.MaxIdempotencyKey))
	}
	return key, nil
}

// unquoteKey undoes an sf-string (RFC 8941, section 3.3.3), in which only the
// quote and the backslash are escaped.
func unquoteKey(quoted string) (string, bool) {
	var key strings.Builder
	for i := 1; i < len(quoted); i++ {
		switch quoted[i] {
		case '"':
			return key.String(), i == len(quoted)-1
		case '\\':
			i++
			if i == len(quoted) || quoted[i] != '"' && quoted[i] != '\\' {
				return "", false
			}
		}
		key.WriteByte(quoted[i])
	}
	return "", false
}
