// Package order is the domain: orders and their legal moves, money, products,
// payments, events and errors.
//
// It is a leaf. Every other folder may import it; it imports none of them and
// nothing beyond the standard library and uuid, so that the rules of the shop
// can be read and tested without a server.
package order
