// Package sale plays the buyers of a flash sale against a running
// order-service, by its public HTTP API only.
//
// A buyer orders, watches the order over server-sent events or by long polls,
// and then pays or declines on the payment page, cancels, or walks off until
// the payment window has passed. Some come back. Buyers arrive in waves: a rush
// when the drop opens, a smaller one whenever it is restocked, and a trickle in
// between.
package sale
