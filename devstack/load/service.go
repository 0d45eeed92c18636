package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"order-service/order"
)

const (
	callTimeout = 10 * time.Second
	maxAnswer   = 1 << 20 // bytes of an answer that are read
)

// service speaks the service's API where nothing is measured.
type service struct {
	http *http.Client
	url  string
}

func newService(t target) service {
	transport := &http.Transport{TLSClientConfig: t.tls.Clone()} // no proxy: the load takes none either
	return service{&http.Client{Transport: transport, Timeout: callTimeout}, t.url}
}

// refusal is an answer that is not 200.
type refusal struct {
	what   string
	status int
	code   order.Code // "" when the answer is no problem
	detail string
}

// Error says what was refused, and how.
func (r *refusal) Error() string {
	return fmt.Sprintf("%s: answered %d %s %s", r.what, r.status, r.code, r.detail)
}

// call sends body, unless it is nil, as JSON and reads the answer into answer,
// unless that is nil. The error is a refusal when the service answered.
func (s service) call(ctx context.Context, token, method, path string, body, answer any) error {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, &payload)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return refusalOf(method+" "+path, resp.StatusCode, data)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(data, answer)
}

func refusalOf(what string, status int, body []byte) error {
	var problem struct {
		Code   order.Code
		Detail string
	}
	_ = json.Unmarshal(body, &problem) // what is no JSON is no problem
	return &refusal{what, status, problem.Code, problem.Detail}
}

func (s service) close() { s.http.CloseIdleConnections() }
