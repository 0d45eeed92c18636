package api

import (
	"context"
	"regexp"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

const (
	maxWait   = 30 * time.Second // of a long poll
	pollRetry = 10 * time.Second // after which it looks though no event told
)

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

// polls counts the long polls that wait. Nobody tells that a client has left, so
// each keeps a connection, a request and a watch until its time is over: as with
// streams, one user must not have them all.
type polls struct {
	most, mostPerUser int

	mu      sync.Mutex
	all     int
	perUser map[string]int
}

func newPolls(most, mostPerUser int) *polls {
	return &polls{most: most, mostPerUser: mostPerUser, perUser: map[string]int{}}
}

// begin counts one more of the user's until end. CodeTooManyStreams: it may not
// wait.
func (p *polls) begin(userID string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.all >= p.most:
		return order.Errorf(order.CodeTooManyStreams, "Too many long polls are waiting.")
	case p.perUser[userID] >= p.mostPerUser:
		return order.Errorf(order.CodeTooManyStreams, "You have %d long polls waiting already.", p.mostPerUser)
	}
	p.all++
	p.perUser[userID]++
	return nil
}

func (p *polls) end(userID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.perUser[userID]--; p.perUser[userID] == 0 {
		delete(p.perUser, userID)
	}
}

// longPoll waits for the order to be another than the caller knows.
func (s *Server) longPoll(who caller, known order.Order, wait time.Duration) (order.Order, error) {
	if err := s.polls.begin(who.userID); err != nil {
		return known, err
	}
	defer s.polls.end(who.userID)
	return s.await(s.base, known, wait, pollRetry, func(now order.Order) bool { return now.Seq != known.Seq })
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
