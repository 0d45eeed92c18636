// Package api is the HTTP side of the service: routes, authentication,
// validation, problem details, webhooks, streams and the demo pages, on Fiber.
//
// A request passes framing, which lets only those on that can be read in one
// way, then wrap (request id, security headers, CORS, panics), then its handler,
// which names its steps one after the other: who calls, what they ask, whether
// it may be, what happened. Handlers return errors; problem.go alone turns an
// error into an answer.
//
// Fiber reuses the memory of a request when its handler has returned: whatever
// goes further than the handler (to the gate, a batch, a map) is copied first.
package api
