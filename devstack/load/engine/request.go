package engine

import (
	"strconv"
	"time"

	"order-service/devstack/token"
)

// Tokens mints one for each of n buyers, named prefix-0, prefix-1, ….
func Tokens(s token.Signer, prefix string, n int, ttl time.Duration) []string {
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = s.Mint(prefix+"-"+strconv.Itoa(i), ttl, token.User)
	}
	return tokens
}

// Order writes POST /orders at host with body for the owner of a token, with
// an Idempotency-Key unless that is empty.
func Order(host, body string) func(buf []byte, token, key string) []byte {
	before := "POST /orders HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\nAuthorization: Bearer "
	return func(buf []byte, token, key string) []byte {
		buf = append(buf, before...)
		buf = append(buf, token...)
		if key != "" {
			buf = append(buf, "\r\nIdempotency-Key: "...)
			buf = append(buf, key...)
		}
		buf = append(buf, "\r\n\r\n"...)
		return append(buf, body...)
	}
}

// Orders writes POST /orders at host for the buyers in turn, with body.
func Orders(host string, tokens []string, body string) func(uint64, []byte) []byte {
	order := Order(host, body)
	return func(n uint64, buf []byte) []byte { return order(buf, tokens[n%uint64(len(tokens))], "") }
}

// Placed is an order and the token of its owner.
type Placed struct {
	ID    string
	Token string
}

// Reads writes GET /orders/{id} at host for the orders in turn.
func Reads(host string, orders []Placed) func(uint64, []byte) []byte {
	after := "\r\n\r\n"
	middle := " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer "
	return func(n uint64, buf []byte) []byte {
		o := orders[n%uint64(len(orders))]
		buf = append(buf, "GET /orders/"...)
		buf = append(buf, o.ID...)
		buf = append(buf, middle...)
		buf = append(buf, o.Token...)
		return append(buf, after...)
	}
}
