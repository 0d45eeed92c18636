package cache

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"order-service/batch"
	"order-service/order"
)

// keyLife is how long the gate remembers an idempotency key, in seconds. It is
// the fast path for retries; Postgres remembers for good.
const keyLife = 3600

// Refusal refuses r from memory: with CodeSoldOut where the product had no free
// unit a moment ago, but for keyed requests, which may be retries of accepted
// orders; with CodeUnavailable where the product's master in a cluster gave no
// answer a moment ago.
func (g *Gate) Refusal(r order.HoldRequest) error {
	switch {
	case g.masters.refuses(r.ProductID):
		return order.Errorf(order.CodeUnavailable, unreachable)
	case r.Key == "" && g.soldOut.has(r.ProductID):
		return refusal(order.CodeSoldOut)
	}
	return nil
}

// Hold holds units for each r.OrderID, or says that r.Key was seen before
// (Held.Seen), in one round trip for at most 1,024 requests: Lua cannot pass on
// more arguments at once than about four times as many. The price is the one at
// which the units were held. Repeating it under a key's known id (Retry) takes no
// more units, and keeps those that it finds from everyone who goes by an earlier
// TakenAt; other ids are new.
//
// Errors, each request's own: CodePriceUnavailable (the product is not in
// Redis), CodePriceChanged, CodeSaleClosed, CodePurchaseLimit, CodeSoldOut, and
// CodeUnavailable when Redis does not answer in time, and for a Retry
// CodeOutcomeUnknown where the price is another and the first request still holds its
// units. After any other error no units stay held: what may have been taken is dropped
// in the background, or, where a key stands for the id, left to its retry and to reap.
func (g *Gate) Hold(ctx context.Context, requests []order.HoldRequest) []batch.Result[order.Held] {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	results := make([]batch.Result[order.Held], len(requests))
	groups := g.byProduct(requests)
	calls := make([]*call, len(groups))
	for i := range groups {
		calls[i] = groups[i].call
	}
	begun := time.Now()
	run(ctx, g.fast, calls)
	g.batched(len(requests), time.Since(begun))
	for _, of := range groups {
		g.answer(of, requests, results)
	}
	return results
}

// holds are the requests for one product, and the script call for them all.
type holds struct {
	productID string
	call      *call
	places    []int // among all requests
}

// byProduct groups requests. A sale has few products, often one.
func (g *Gate) byProduct(requests []order.HoldRequest) []holds {
	var groups []holds
	index := make(map[string]int, 1)
	for place := range requests {
		r := &requests[place]
		i, ok := index[r.ProductID]
		if !ok {
			i = len(groups)
			index[r.ProductID] = i
			c := g.call(g.scripts.hold, r.ProductID, keyLife)
			groups = append(groups, holds{productID: r.ProductID, call: c})
		}
		groups[i].places = append(groups[i].places, place)
		g.addHold(groups[i].call, r)
	}
	return groups
}

// addHold appends the arguments of one hold, as hold.lua lists them.
func (g *Gate) addHold(c *call, r *order.HoldRequest) {
	price, key := "", ""
	if r.UnitPrice != nil {
		price = strconv.FormatInt(*r.UnitPrice, 10)
	}
	if r.Key != "" {
		key = "0" + string(r.Hash)
		if r.Retry {
			key = "1" + string(r.Hash)
		}
		c.keys = append(c.keys, g.idempotencyKey(r.ProductID, r.UserID, r.Key))
	}
	c.args = append(c.args, r.OrderID.String(), r.UserID, r.Quantity, price, key)
}

// answer reads hold.lua's reply: the price, the currency, the free units and the
// time, then an answer for each hold.
func (g *Gate) answer(of holds, requests []order.HoldRequest, results []batch.Result[order.Held]) {
	const header = 4
	fields, _ := of.call.reply.([]any)
	err := of.call.err
	if err == nil && len(fields) != header+len(of.places) {
		err = fmt.Errorf("gate: hold of %d replied %d fields", len(of.places), len(fields))
	}
	if err != nil {
		g.masters.failed(of.productID)
		g.unanswered(of, err, requests, results)
		return
	}
	g.masters.answered(of.productID)
	price, err := money(fields[0], fields[1])
	now, _ := fields[3].(int64)
	for i, place := range of.places {
		held, refused := held(fields[header+i], requests[place].OrderID, price, now)
		if refused == nil && !held.Seen && err != nil {
			refused = fmt.Errorf("gate: price of %s: %w", of.productID, err)
		}
		if order.CodeOf(refused) == order.CodeSoldOut {
			g.soldOut.note(of.productID, fields[2])
		}
		results[place] = batch.Result[order.Held]{Value: held, Err: refused}
	}
}

// unanswered gives back what the holds may have taken. Under an id that a key
// stands for it may by then be the hold of another request with the key, whose
// order is written.
func (g *Gate) unanswered(of holds, err error, requests []order.HoldRequest, results []batch.Result[order.Held]) {
	undo := reached(err)
	for _, place := range of.places {
		results[place].Err = unavailable(err)
		if r := requests[place]; undo && r.Key == "" {
			g.drops.add(r.ProductID, r.OrderID, 0)
		}
	}
}

func money(amount, currency any) (order.Money, error) {
	text, _ := amount.(string)
	unit, _ := currency.(string)
	n, err := strconv.ParseInt(text, 10, 64)
	return order.Money{Amount: n, Currency: unit}, err
}

// held reads one answer, given at now.
func held(answer any, id uuid.UUID, price order.Money, now int64) (order.Held, error) {
	switch answer := answer.(type) {
	case int64:
		if answer == 1 {
			answer = now
		}
		return order.Held{OrderID: id, UnitPrice: price, TakenAt: answer}, nil
	case string:
		return order.Held{}, refusal(order.Code(answer))
	case []any:
		if len(answer) == 1 {
			return seen(fmt.Sprint(answer[0]))
		}
	}
	return order.Held{}, fmt.Errorf("gate: hold replied %v", answer)
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
	case order.CodeOutcomeUnknown:
		return order.Errorf(code, "The first request with this key may be about to be accepted.")
	}
	return fmt.Errorf("gate: hold replied %q", code)
}
