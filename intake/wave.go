package intake

import (
	"context"
	"time"

	"order-service/batch"
	"order-service/failpoint"
	"order-service/order"
	"order-service/tracing"
)

// call is one request in a wave.
type call = batch.Call[order.HoldRequest, placed]

// holding is the gate's answer to one.
type holding = batch.Result[order.Held]

// placed is what a wave made of a request.
type placed struct {
	hold   order.Held
	stored order.Accepted // unless hold.Seen
	lost   error          // why a held order is not, or may not be, stored
}

// waves runs waves through both stages.
type waves struct {
	gate    Gate
	store   Orders
	meter   Meter
	tracer  *tracing.Tracer
	silence silence // of the gate
}

// run takes one wave through the gate and the commit. It reports whether it came
// to the commit: the gate has a limit of its own, and it is Postgres that makes a
// wave last until the Deadline.
func (w *waves) run(ctx context.Context, calls []*call) (committed bool) {
	if calls = w.silence.timely(calls); len(calls) == 0 {
		return false
	}
	admitted, holds, intents := w.hold(ctx, calls)
	if len(admitted) == 0 {
		return false
	}
	if err := failpoint.Hit(failpoint.IntakeHeld); err != nil {
		for i, c := range admitted {
			c.Answer(placed{hold: holds[i].Value, lost: err}, nil)
		}
		return false
	}
	w.commit(ctx, admitted, holds, intents)
	return true
}

// hold asks the gate for all calls. It answers those that go no further and
// returns the rest, each with its hold and its order.
func (w *waves) hold(ctx context.Context, calls []*call) ([]*call, []holding, []order.Intent) {
	begun := time.Now()
	ctx, span := w.tracer.Batch(ctx, "gate.hold", len(calls), w.traced(calls))
	results := w.gate.Hold(ctx, batch.Reqs(calls))
	span.End()
	now := time.Now()
	w.silence.heard(begun, now, calls, results)
	admitted, holds, intents := calls[:0], results[:0], make([]order.Intent, 0, len(calls))
	for i, c := range calls {
		held, err := results[i].Value, results[i].Err
		w.meter.Held(order.CodeOf(err), held.Seen, now.Sub(begun))
		if err != nil || held.Seen {
			c.Answer(placed{hold: held}, err)
			continue
		}
		intent, err := intent(&c.Req, held.UnitPrice, now)
		if err != nil {
			c.Answer(placed{hold: held, lost: err}, nil)
			continue
		}
		admitted, holds, intents = append(admitted, c), append(holds, results[i]), append(intents, intent)
	}
	return admitted, holds, intents
}

// intent is a held order at the price of its hold; the store gives it its first
// state. An amount that overflows is CodeValidation.
func intent(r *order.HoldRequest, price order.Money, now time.Time) (order.Intent, error) {
	amount, err := price.Times(r.Quantity)
	return order.Intent{
		Order: order.Order{
			ID: r.OrderID, UserID: r.UserID, ProductID: r.ProductID, Quantity: r.Quantity,
			UnitPrice: price.Amount, Amount: amount.Amount, Currency: amount.Currency,
			CreatedAt: now, Traceparent: r.Traceparent,
		},
		Key: r.Key, Hash: r.Hash,
	}, err
}

// commit writes the admitted orders and answers their calls.
func (w *waves) commit(ctx context.Context, admitted []*call, holds []holding, intents []order.Intent) {
	begun := time.Now()
	ctx, span := w.tracer.Batch(ctx, "orders.commit", len(admitted), w.traced(admitted))
	results := w.store.Insert(ctx, intents)
	span.End()
	w.meter.IntakeBatch(len(intents), time.Since(begun))
	for i, c := range admitted {
		c.Answer(placed{hold: holds[i].Value, stored: results[i].Value, lost: results[i].Err}, nil)
	}
}

// traced are the traceparents of the calls that have one. The spans of a wave
// say how long it took: what became of an order is in its own.
func (w *waves) traced(calls []*call) (traceparents []string) {
	if w.tracer == nil {
		return nil
	}
	for _, c := range calls {
		if c.Req.Traceparent != "" {
			traceparents = append(traceparents, c.Req.Traceparent)
		}
	}
	return traceparents
}
