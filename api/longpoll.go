package api

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// maxWait caps a long poll.
const maxWait = 30 * time.Second

// waitForm is what openapi.yaml says of ?wait=. None of it is too long for a
// time.Duration.
var waitForm = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m)?$`)

// waitFor parses ?wait=20s (or seconds without a unit), at most maxWait.
func waitFor(c *fiber.Ctx) (time.Duration, error) {
	text, given := queried(c, "wait")
	if !given {
		return 0, nil
	}
	if !waitForm.MatchString(text) {
		return 0, order.Invalid("wait", "must be a duration such as 20s")
	}
	if last := text[len(text)-1]; '0' <= last && last <= '9' {
		text += "s"
	}
	wait, err := time.ParseDuration(text)
	return min(wait, maxWait), err
}

// await returns the order as soon as done accepts it, or as it is after
// timeout or at shutdown. Events may be lost, so it also looks again at every
// interval; the database is what counts.
func (s *Server) await(ctx context.Context, o order.Order, timeout, interval time.Duration, done func(order.Order) bool) (order.Order, error) {
	events, leave := s.deps.Hub.Watch(o.ID)
	defer leave()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	again := time.NewTicker(interval)
	defer again.Stop()
	for last := false; ; {
		o, err := s.deps.Orders.Order(ctx, o.ID)
		if err != nil || last || done(o) {
			return o, err
		}
		select {
		case _, open := <-events:
			if !open {
				events = nil // the hub has closed; the ticker goes on
			}
		case <-again.C:
		case <-deadline.C:
			last = true
		case <-s.stopping:
			return o, nil
		}
	}
}

// etag is a strong entity tag: seq changes with every change of the order.
func etag(seq int64) string { return `"` + strconv.FormatInt(seq, 10) + `"` }

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
