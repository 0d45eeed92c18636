package api

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// precondition is what a request demands of the state that it would change (RFC
// 9110, section 13.1): its If-Match and If-None-Match, nil where it has none.
type precondition struct{ match, noneMatch []byte }

func preconditionOf(c *fiber.Ctx) precondition {
	h := &c.Request().Header
	return precondition{match: onlyLine(h.PeekAll(fiber.HeaderIfMatch)), noneMatch: onlyLine(h.PeekAll(fiber.HeaderIfNoneMatch))}
}

// given reports whether the request has a precondition at all.
func (p precondition) given() bool { return p.match != nil || p.noneMatch != nil }

// holds reports whether p is true of what has tag, or of nothing where tag is
// "", in the order of section 13.2.2. An empty If-None-Match, which lists nothing
// and so would allow everything, has lost what it was to say: it allows no more
// than *.
func (p precondition) holds(tag string) bool {
	if p.match != nil && !matches(string(p.match), tag) {
		return false
	}
	return p.noneMatch == nil || tag == "" || len(p.noneMatch) > 0 && !listed(string(p.noneMatch), tag)
}

// matches compares tag with an If-Match list, strongly (section 13.1.1): a weak
// tag matches nothing. What has no tag is not there, and matches nothing either.
func matches(list, tag string) bool {
	for wanted := range strings.SplitSeq(list, ",") {
		wanted = strings.TrimSpace(wanted)
		if tag != "" && (wanted == "*" || wanted == tag) {
			return true
		}
	}
	return false
}

// listed compares tag with an If-None-Match list, weakly (RFC 9110, section 13.1.2).
func listed(list, tag string) bool {
	for known := range strings.SplitSeq(list, ",") {
		known = strings.TrimPrefix(strings.TrimSpace(known), "W/")
		if known == "*" || known == tag {
			return true
		}
	}
	return false
}

// etag is a strong entity tag: seq changes with every change of the order.
func etag(seq int64) string { return `"` + strconv.FormatInt(seq, 10) + `"` }

// productTag is the entity tag of what PUT writes of a product, "" of nil. The
// ledger's other figures are not in it: every order changes those, and a form
// that is open during a sale could never be sent.
func productTag(p *order.Product) string {
	if p == nil {
		return ""
	}
	written, _ := order.EncodeJSON(struct {
		Name, Currency   string
		UnitPrice, Stock int64
		PerUserLimit     int
		StartsAt, EndsAt order.Time
	}{p.Name, p.Currency, p.UnitPrice, p.Ledger.Total, p.PerUserLimit, order.Time{Time: p.StartsAt}, order.Time{Time: p.EndsAt}}) // always marshals
	return contentTag(written)
}

// allows is the check that PutProduct makes of the product which it is about to
// replace, or of nil.
func (p precondition) allows(now *order.Product) error {
	switch {
	case p.holds(productTag(now)):
		return nil
	case now == nil:
		return order.Errorf(codePreconditionFailed, "There is no such product yet.")
	case p.match == nil:
		return order.Errorf(codePreconditionFailed, "There is such a product already.")
	}
	return order.Errorf(codePreconditionFailed, "The product was changed after it was read. Read it again, and look at what is different.")
}
