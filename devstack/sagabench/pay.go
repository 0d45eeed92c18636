package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"order-service/devstack/load/engine"
)

// due is an order that waits for its payment.
type due struct {
	Order, Payment, Currency string
	Amount                   int64
}

// dues lists the orders of a product that wait for their payments.
func (s *shop) dues(ctx context.Context, product string) ([]due, error) {
	rows, err := s.database.Query(ctx, `
		SELECT order_id::text, payment_id, currency, amount FROM orders
		WHERE product_id = $1 AND status = 'PAYMENT_PENDING' ORDER BY order_id`, product)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[due])
}

// reports is how often a payment is reported at most: as providers do, again
// until it was taken.
const reports = 10

// pay reports the payments until each was taken.
func (s *shop) pay(ctx context.Context, list []due) error {
	left := list
	for range reports {
		var err error
		if left, err = s.reportOnce(ctx, left); err != nil || len(left) == 0 {
			return err
		}
		s.stand.say("%d of %d payments are reported again", len(left), len(list))
		time.Sleep(settle)
	}
	return fmt.Errorf("%d of %d payments were not taken", len(left), len(list))
}

// reportOnce returns the payments that were not taken.
func (s *shop) reportOnce(ctx context.Context, list []due) (left []due, err error) {
	taken := make([]bool, len(list)) // each element has one request that writes it
	run := engine.New(engine.Config{
		Address: s.api.Addr, Connections: min(64, len(list)), Duration: placeWithin, Requests: uint64(len(list)),
		Write: func(n uint64, buf []byte) []byte { return s.report(buf, list[n]) },
		Read:  func(n uint64, a engine.Answer) { taken[n] = a.Status == http.StatusOK },
	})
	if _, err := run.Do(ctx); err != nil {
		return list, err
	}
	for n, ok := range taken {
		if !ok {
			left = append(left, list[n])
		}
	}
	return left, nil
}

// report writes the signed webhook of a payment.
func (s *shop) report(buf []byte, d due) []byte {
	body := fmt.Appendf(nil, `{"paymentId":%q,"amount":%d,"currency":%q}`, d.Payment, d.Amount, d.Currency)
	id, now := "msg_"+d.Order, time.Now()
	signature, err := s.webhooks.Sign(id, now, body)
	if err != nil {
		panic(err) // it never fails: the key was decoded when the shop was opened
	}
	return fmt.Appendf(buf, "POST /orders/%s/payment-success HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"webhook-id: %s\r\nwebhook-timestamp: %d\r\nwebhook-signature: %s\r\nContent-Length: %d\r\n\r\n%s",
		d.Order, s.api.Addr, id, now.Unix(), signature, len(body), body)
}
