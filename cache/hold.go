package cache

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"order-service/order"
)

// keyLife is how long the gate remembers an idempotency key, in seconds. It is
// the fast path for retries; Postgres remembers for good.
const keyLife = 3600

// Hold holds units for the order r.OrderID, or says that r.Key was seen before
// (Held.Seen). The price is the one at which the units were held. Repeating it
// for the same order changes nothing.
//
// Errors: CodePriceUnavailable (the product is not in Redis), CodePriceChanged,
// CodeSaleClosed, CodePurchaseLimit, CodeSoldOut, CodeOverloaded, and
// CodeUnavailable when Redis does not answer in time or ctx ends. After any
// error no units stay held: what may have been taken is dropped in the
// background, or, under a key's known id, left to reap. r's strings must be
// copies: a call under way still reads them after its caller has left.
func (g *Gate) Hold(ctx context.Context, r order.HoldRequest) (order.Held, error) {
	// A keyed request may be the retry of an accepted order.
	if r.Key == "" && g.soldOut.has(r.ProductID) {
		return order.Held{}, refusal(order.CodeSoldOut)
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	reply, err := g.pipe.do(ctx, g.holdCall(r))
	if err != nil {
		return order.Held{}, unavailable(err)
	}
	return g.held(r, reply)
}

func (g *Gate) holdCall(r order.HoldRequest) *call {
	price := ""
	if r.UnitPrice != nil {
		price = strconv.FormatInt(*r.UnitPrice, 10)
	}
	c := g.call(g.scripts.hold, r.ProductID,
		r.OrderID.String(), r.UserID, r.Quantity, price, r.Retry, r.Hash, keyLife)
	if r.Key != "" {
		c.keys = append(c.keys, g.idempotencyKey(r.ProductID, r.UserID, r.Key))
	}
	if !r.Retry { // else the hold may be that of another request, whose order is written
		c.undo = func() { g.drops.add(r.ProductID, r.OrderID) }
	}
	return c
}

// held reads hold.lua's reply.
func (g *Gate) held(r order.HoldRequest, reply any) (order.Held, error) {
	fields, _ := reply.([]any)
	if len(fields) == 0 {
		return order.Held{}, fmt.Errorf("gate: hold replied %v", reply)
	}
	switch outcome, _ := fields[0].(string); outcome {
	case "held":
		price, err := strconv.ParseInt(fmt.Sprint(fields[1]), 10, 64)
		if err != nil {
			return order.Held{}, fmt.Errorf("gate: price of %s: %w", r.ProductID, err)
		}
		return order.Held{OrderID: r.OrderID, UnitPrice: order.Money{Amount: price, Currency: fmt.Sprint(fields[2])}}, nil
	case "seen":
		return seen(fmt.Sprint(fields[1]))
	case string(order.CodeSoldOut):
		g.soldOut.note(r.ProductID, fields[1])
		return order.Held{}, refusal(order.CodeSoldOut)
	default:
		return order.Held{}, refusal(order.Code(outcome))
	}
}

// seen splits what an idempotency key remembers: the order id as 36 characters,
// then the hash of the body.
func seen(value string) (order.Held, error) {
	const idLength = 36
	if len(value) < idLength {
		return order.Held{}, fmt.Errorf("gate: an idempotency key holds %d bytes", len(value))
	}
	id, err := uuid.Parse(value[:idLength])
	if err != nil {
		return order.Held{}, fmt.Errorf("gate: an idempotency key holds no order id: %w", err)
	}
	return order.Held{OrderID: id, Seen: true, Hash: []byte(value[idLength:])}, nil
}

// refusal is the error for a code that hold.lua returned.
func refusal(code order.Code) error {
	switch code {
	case order.CodeSoldOut:
		return order.Errorf(code, "Not enough units of the product are left.")
	case order.CodePriceChanged:
		return order.Errorf(code, "The price has changed.")
	case order.CodePurchaseLimit:
		return order.Errorf(code, "One buyer may not order that many of this product.")
	case order.CodePriceUnavailable:
		return order.Errorf(code, "The product has no price right now.")
	case order.CodeSaleClosed:
		return order.Errorf(code, "The product is not on sale at this time.")
	}
	return fmt.Errorf("gate: hold replied %q", code)
}
