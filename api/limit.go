package api

import (
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/time/rate"

	"order-service/order"
)

// burstFactor is how many seconds' worth of requests may come at once.
const burstFactor = 2

const (
	maxUsers   = 100_000         // buckets of one generation
	generation = 5 * time.Minute // far longer than a bucket needs to fill
)

// limiter bounds POST /orders for each user and for the whole process by token
// buckets. It forgets by generations: users seen neither in this one nor in
// the one before have a full bucket again anyway, so memory stays bounded
// without a sweeper.
type limiter struct {
	perUser rate.Limit // 0: off
	global  *rate.Limiter

	mu         sync.Mutex
	newest     time.Time // that spend was asked about
	young, old map[string]*rate.Limiter
	turned     time.Time
}

func newLimiter(userRPS, globalRPS float64) *limiter {
	return &limiter{
		perUser: rate.Limit(userRPS), global: newBucket(rate.Limit(globalRPS)),
		young: map[string]*rate.Limiter{}, turned: time.Now(),
	}
}

func newBucket(rps rate.Limit) *rate.Limiter {
	if rps <= 0 {
		return nil
	}
	return rate.NewLimiter(rps, burst(rps))
}

func burst(rps rate.Limit) int { return max(1, int(math.Ceil(float64(rps)*burstFactor))) }

// allow takes a token for userID. The user's bucket comes first, so that one
// user's flood is refused before it costs everyone else's budget. The error
// has CodeRateLimited, and the response its RateLimit headers.
func (l *limiter) allow(c *fiber.Ctx, userID string) error {
	now := c.Context().Time()
	if l.perUser > 0 {
		if bucket := l.bucket(userID, now); !bucket.AllowN(now, 1) {
			return limited(c, "user", bucket, now)
		}
	}
	if l.global != nil && !l.spend(now) {
		return limited(c, "global", l.global, now)
	}
	return nil
}

// spend takes a token of everybody's. Requests come to it in another order than
// they were received in, and a bucket that is asked about an earlier moment than
// before is credited the time between them once more: at 2,000 a second a few ms
// fill it as fast as it empties.
func (l *limiter) spend(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.After(l.newest) {
		l.newest = now
	}
	return l.global.AllowN(l.newest, 1)
}

func (l *limiter) bucket(userID string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.young) >= maxUsers || now.Sub(l.turned) > generation {
		l.young, l.old, l.turned = map[string]*rate.Limiter{}, l.young, now
	}
	b := l.young[userID]
	if b == nil {
		if b = l.old[userID]; b == nil {
			b = newBucket(l.perUser)
		}
		l.young[userID] = b
	}
	return b
}

// limited describes an empty bucket by the fields of the IETF draft
// "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
func limited(c *fiber.Ctx, policy string, b *rate.Limiter, now time.Time) error {
	tokens := b.TokensAt(now)
	wait := time.Duration((1 - min(tokens, 1)) / float64(b.Limit()) * float64(time.Second))
	seconds := int(math.Ceil(wait.Seconds()))
	var buffer [64]byte
	h := &c.Response().Header
	h.SetCanonical(rateLimitPolicy, appendLimit(buffer[:0], policy, "q", b.Burst(), "w", burstFactor))
	h.SetCanonical(rateLimit, appendLimit(buffer[:0], policy, "r", int(max(tokens, 0)), "t", max(seconds, 1)))
	return &order.Error{
		Code: order.CodeRateLimited, Message: "Too many orders in a short time. Please wait a moment.", RetryAfter: wait,
	}
}

// appendLimit appends an item of one of these fields, "policy";a=1;b=2.
func appendLimit(b []byte, policy, first string, one int, second string, two int) []byte {
	b = strconv.AppendQuote(b, policy)
	b = strconv.AppendInt(append(append(append(b, ';'), first...), '='), int64(one), 10)
	return strconv.AppendInt(append(append(append(b, ';'), second...), '='), int64(two), 10)
}
