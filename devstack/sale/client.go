package sale

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"order-service/order"
)

const (
	attempts    = 8 // of a request that is refused for the moment only
	longestWait = 5 * time.Second
	maxAnswer   = 1 << 20 // bytes of an answer that are read
)

// client speaks the service's HTTP API for one person.
type client struct {
	http  *http.Client
	base  string
	token string // of the person; "" sends none
	speed float64
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// code is the problem's code, "" where the answer is no problem.
func (a answer) code() order.Code {
	var problem struct{ Code order.Code }
	_ = json.Unmarshal(a.body, &problem) // no JSON is no problem
	return problem.Code
}

// passing reports whether the service refused for the moment only.
func (a answer) passing() bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
}

// wait is what Retry-After asks for, at least a second, at most longestWait.
func (a answer) wait() time.Duration {
	seconds, _ := strconv.Atoi(a.header.Get("Retry-After")) // absent or a date: a second
	return min(max(time.Duration(seconds)*time.Second, time.Second), longestWait)
}

// insist repeats a request while the connection breaks or the answer says that
// it is only for the moment. The error is that of the last attempt or of ctx.
func (c client) insist(ctx context.Context, method, url string, body []byte, headers ...string) (answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := c.send(ctx, method, url, body, headers...)
		if err == nil && !a.passing() || attempt == attempts {
			return a, err
		}
		if err := c.pause(ctx, a.wait()); err != nil {
			return a, err
		}
	}
}

// send sends one request; headers are name, value, ….
func (c client) send(ctx context.Context, method, url string, body []byte, headers ...string) (answer, error) {
	resp, err := c.open(ctx, method, url, body, headers...)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return answer{resp.StatusCode, resp.Header, data}, err
}

func (c client) open(ctx context.Context, method, url string, body []byte, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return c.http.Do(req)
}

// pause sleeps as a person would for d. It returns ctx's error when that ends first.
func (c client) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(time.Duration(float64(d) / c.speed))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unexpected describes an answer that nothing more can be done about.
func unexpected(what string, a answer) error {
	return fmt.Errorf("%s: answered %d %s", what, a.status, a.code())
}
