package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"order-service/order"
)

// breakBooks leaves a payment that nobody passed on, one of another amount, and
// an order that is overdue. What it returns ends the order that no runbook can.
func (s *shop) breakBooks() (mend func()) {
	s.t.Helper()
	b := s.anyone()
	product := s.product(spare)
	left := b.await(b.buy(product, 1), order.PaymentPending)
	wrong := b.await(b.buy(product, 1), order.PaymentPending)
	s.leave(left.PaymentID, left)
	s.webhook(wrong.OrderID, "payment-success", map[string]any{
		"paymentId": wrong.PaymentID, "amount": wrong.Amount + 1, "currency": wrong.Currency,
	}).expect(409)
	var id string
	s.ask(fmt.Sprintf(`UPDATE orders SET expires_at = now() - interval '6 minutes' WHERE order_id = '%s' RETURNING order_id::text`,
		wrong.OrderID), &id)
	return func() {
		b.await(left.OrderID, order.Confirmed) // by --repair
		b.cancel(wrong.OrderID).expect(200)
		b.await(wrong.OrderID, order.Cancelled)
	}
}

// troubles are those that begin with their page, and what must be so once its
// commands were run.
func (sh *shell) troubles() map[string]func() (over func()) {
	return map[string]func() func(){
		"GateDiffers":      sh.breakGate,
		"NoUpkeepLeader":   sh.stealLead,
		"RedisNotWritable": sh.breakRedis,
	}
}

// breakGate gives a product a stock in the gate that is not the ledger's.
func (sh *shell) breakGate() (over func()) {
	s, key := sh.shop, "gate:{"+sh.shop.product(spare)+"}:product"
	available := func() string { return s.redis.HGet(context.Background(), key, "available").Val() }
	s.wait("the product is in the gate", patience, func() bool { return available() != "" })
	if err := s.redis.HSet(context.Background(), key, "available", 7).Err(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		s.wait("the gate is as the ledger", patience, func() bool { return available() == strconv.Itoa(spare) })
	}
}

// stealLead ends the session that leads the upkeep and takes its lock, as one
// that was left in a pooler has it. The leader comes back after a pause only, so
// one statement is quick enough.
func (sh *shell) stealLead() (over func()) {
	const lock = `hashtextextended('order-service/' || current_schema() || '/upkeep', 0)`
	const leader = `FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32 | objid::bigint) = ` + lock
	s := sh.shop
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	thief := s.database(ctx)
	s.t.Cleanup(func() { _ = thief.Close(context.Background()) })
	s.wait("there is a leader to end", patience, func() bool { // one whose server answers late steps down for a moment
		var taken string
		err := thief.QueryRow(ctx, `SELECT pg_terminate_backend(pid)::text || pg_advisory_lock(`+lock+`)::text `+leader).Scan(&taken)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			s.t.Fatal(err)
		}
		return err == nil
	})
	holder := thief.PgConn().PID()
	sh.set("HOLDER", strconv.FormatUint(uint64(holder), 10))
	return func() {
		s.wait("a process of ours leads", patience, func() (leads bool) {
			s.ask(fmt.Sprintf(`SELECT count(*) = 1 AND min(pid) <> %d `+leader, holder), &leads)
			return leads
		})
	}
}

// breakRedis makes the shop's own Redis the replica of nobody, full, and unable
// to save, which is how it calls itself not writable, one after the other.
func (sh *shell) breakRedis() (over func()) {
	s, ctx := sh.shop, context.Background()
	tell := func(command ...any) {
		if err := s.redis.Do(ctx, command...).Err(); err != nil {
			s.t.Errorf("%v: %v", command, err)
		}
	}
	if err := os.RemoveAll(s.redis.ConfigGet(ctx, "dir").Val()["dir"]); err != nil {
		s.t.Fatal(err)
	}
	tell("config", "set", "save", "3600 1")
	s.t.Cleanup(func() { tell("config", "set", "save", "") }) // one that cannot save does not end
	tell("bgsave")
	s.wait("Redis could not save", patience, func() bool {
		return strings.Contains(s.redis.Info(ctx, "persistence").Val(), "rdb_last_bgsave_status:err")
	})
	tell("config", "set", "maxmemory", "1")
	tell("replicaof", "127.0.0.1", "1")
	return func() {
		s.insisting = true
		b := s.anyone()
		b.await(b.buy(s.product(spare), 1), order.PaymentPending)
	}
}
