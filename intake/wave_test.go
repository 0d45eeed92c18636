package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"order-service/batch"
	"order-service/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is a gate and a store that admit and write everything, and a meter.
type backend struct {
	holdErr, insertErr error
	silence            time.Duration // before the gate fails
	seen, found        bool          // the gate has seen the key, and still has its hold
	retryErr           error         // of the gate, to a retry
	away               string        // a product whose master is silent, beside others that answer
	commits            time.Duration // before orders are written, or fail at the deadline
	hangs              atomic.Bool   // the next Hold fails after the silence, those beside it do not

	mu      sync.Mutex
	told    []string
	waits   int
	dropped []order.Held
}

func (b *backend) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, fmt.Sprintf(format, args...))
}

func (b *backend) Refusal(order.HoldRequest) error { return nil }

func (b *backend) Hold(_ context.Context, rs []order.HoldRequest) []batch.Result[order.Held] {
	if b.hangs.CompareAndSwap(true, false) {
		time.Sleep(b.silence)
		return slices.Repeat([]batch.Result[order.Held]{{Err: gone}}, len(rs))
	}
	if b.away == "" || slices.ContainsFunc(rs, func(r order.HoldRequest) bool { return r.ProductID == b.away }) {
		time.Sleep(b.silence)
	}
	results := make([]batch.Result[order.Held], len(rs))
	for i, r := range rs {
		if b.away == "" || r.ProductID == b.away {
			results[i].Err = b.holdErr
		}
		if r.Retry {
			results[i].Err = cmp.Or(b.retryErr, results[i].Err)
		}
		results[i].Value = b.held(r)
	}
	return results
}

func (b *backend) held(r order.HoldRequest) order.Held {
	switch held := (order.Held{OrderID: r.OrderID, UnitPrice: order.Money{Amount: 100, Currency: "EUR"}, TakenAt: takenAt}); {
	case b.seen && !r.Retry:
		return order.Held{OrderID: r.OrderID, Seen: true, Hash: r.Hash}
	case b.found:
		held.TakenAt = 0
		return held
	default:
		return held
	}
}

// takenAt is when the backend takes all its holds.
const takenAt = 1_777_777_777_777

func (b *backend) Drop(_ context.Context, _ string, held order.Held) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped = append(b.dropped, held)
	return nil
}

func (b *backend) Insert(ctx context.Context, intents []order.Intent) []batch.Result[order.Accepted] {
	err := b.insertErr
	select {
	case <-time.After(b.commits):
	case <-ctx.Done():
		err = ctx.Err()
	}
	results := make([]batch.Result[order.Accepted], len(intents))
	for i, in := range intents {
		results[i] = batch.Result[order.Accepted]{Value: order.Accepted{OrderID: in.ID}, Err: err}
	}
	return results
}

func (b *backend) Lookup(_ context.Context, keys []order.KeyOwner) []batch.Result[*order.Accepted] {
	return make([]batch.Result[*order.Accepted], len(keys))
}

func (b *backend) IntakeWaited(time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waits++
}

func (b *backend) Held(code order.Code, _ bool, _ time.Duration) { b.note("held %q", code) }

func (b *backend) IntakeBatch(n int, _ time.Duration) { b.note("batch of %d", n) }

func start(t *testing.T, b *backend) *Intake {
	t.Helper()
	i := New(Config{Meter: b, Log: zerolog.Nop()}, b, b)
	t.Cleanup(func() {
		if err := i.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return i
}

func buy(i *Intake) error { return buyOf(i, "lamp") }

func buyOf(i *Intake, productID string) error {
	_, err := i.Accept(context.Background(), order.Request{UserID: "ann", ProductID: productID, Quantity: 1})
	return err
}

func TestMeterIsToldOfEveryStage(t *testing.T) {
	b := &backend{}
	if err := buy(start(t, b)); err != nil {
		t.Fatal(err)
	}
	if want := []string{`held ""`, "batch of 1"}; !slices.Equal(b.told, want) || b.waits != 1 {
		t.Errorf("told %q and %d waits, want %q", b.told, b.waits, want)
	}
}

// The gate refuses neither the retry nor its first request, which is in its commit.
func TestARetryOfWhatMayBeWrittenIsToldToComeAgain(t *testing.T) {
	b := &backend{seen: true, retryErr: order.Errorf(order.CodeOutcomeUnknown, "Perhaps.")}
	_, err := start(t, b).Accept(t.Context(), order.Request{UserID: "ann", ProductID: "lamp", Quantity: 1, Key: "key"})
	told, ok := errors.AsType[*order.Error](err)
	if !ok || told.Code != order.CodeOutcomeUnknown || told.RetryAfter == 0 || !strings.Contains(told.Message, "same Idempotency-Key") {
		t.Errorf("Accept returned %#v", err)
	}
	if len(b.dropped) != 0 {
		t.Errorf("dropped %v, which may be another request's", b.dropped)
	}
}

func TestAHoldIsDroppedUnlessItsOrderMayExist(t *testing.T) {
	refused, unknown := errors.New("refused"), order.ErrOutcomeUnknown
	for name, c := range map[string]struct {
		backend *backend
		key     string
		drops   int
		code    order.Code
	}{
		"certain":             {&backend{insertErr: refused}, "", 1, order.CodeUnavailable},
		"unknown":             {&backend{insertErr: unknown}, "", 0, order.CodeOutcomeUnknown},
		"its own under a key": {&backend{insertErr: refused}, "key", 1, order.CodeUnavailable},
		"unknown under a key": {&backend{insertErr: unknown}, "key", 0, order.CodeOutcomeUnknown},
		"its own on a retry":  {&backend{insertErr: refused, seen: true}, "key", 1, order.CodeUnavailable},
		"its twin's":          {&backend{insertErr: refused, seen: true, found: true}, "key", 0, order.CodeUnavailable},
		"unknown, on a retry": {&backend{insertErr: unknown, seen: true}, "key", 0, order.CodeOutcomeUnknown},
		"unknown, its twin's": {&backend{insertErr: unknown, seen: true, found: true}, "key", 0, order.CodeOutcomeUnknown},
	} {
		b := c.backend
		_, err := start(t, b).Accept(t.Context(), order.Request{UserID: "ann", ProductID: "lamp", Quantity: 1, Key: c.key})
		if order.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if len(b.dropped) != c.drops {
			t.Errorf("%s: %d drops, want %d", name, len(b.dropped), c.drops)
		}
		// It says which hold is meant: a retry may have made it its own by now.
		for _, held := range b.dropped {
			if held.TakenAt != takenAt {
				t.Errorf("%s: dropped whenever it was taken", name)
			}
		}
	}
}

// A gate that does not answer takes 200 ms of each wave here; whoever waited behind
// one such wave does not wait for a second.
func TestBehindASilentGateNobodyWaitsForTwoWaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{holdErr: gone, silence: 200 * time.Millisecond}
		i := New(Config{Meter: b, Log: zerolog.Nop()}, b, b)
		var all sync.WaitGroup
		for range 100 {
			time.Sleep(time.Millisecond)
			all.Go(func() {
				if err := buy(i); order.CodeOf(err) != order.CodeUnavailable {
					t.Error(err)
				}
			})
		}
		begun := time.Now()
		all.Wait()
		if took := time.Since(begun); took > 2*b.silence {
			t.Errorf("the last was answered after %v", took)
		}
		_ = i.Stop(t.Context())
	})
}

// gone is what a gate says that gives no answer.
var gone = order.Errorf(order.CodeUnavailable, "Gone.")

// Redis goes silent for all products. Who came during one wave hears at its end,
// though nobody had asked about his product yet.
func TestASilentWaveConcernsAllProducts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{holdErr: gone, silence: 45 * time.Millisecond}
		i := New(Config{Waves: 1, Meter: b, Log: zerolog.Nop()}, b, b)
		go func() { _ = buyOf(i, "lamp") }()
		time.Sleep(5 * time.Millisecond)
		begun := time.Now()
		if err := buyOf(i, "hat"); order.CodeOf(err) != order.CodeUnavailable || time.Since(begun) > 50*time.Millisecond {
			t.Errorf("answered %v after %v", err, time.Since(begun))
		}
		_ = i.Stop(t.Context())
	})
}

// The lamp's master in a cluster is away. Hats wait longer than staleAfter, because
// commits take long, and while a wave of lamps alone gets no answer.
func TestAWaveOfASilentMastersProductsDoesNotRefuseOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{holdErr: gone, silence: 45 * time.Millisecond, away: "lamp", commits: 2 * staleAfter}
		i := New(Config{Waves: 2, Meter: b, Log: zerolog.Nop()}, b, b)
		var all sync.WaitGroup
		all.Go(func() { _ = buyOf(i, "lamp") })
		for range 200 {
			synctest.Wait()
			all.Go(func() {
				if err := buyOf(i, "hat"); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		_ = i.Stop(t.Context())
	})
}

// Now and then one asks about the lamp, to find out whether its master is back.
// Hats were answered since it was first silent: they wait for him, and sell on.
func TestWhoFindsOutAboutASilentProductHasNoOtherRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{holdErr: gone, silence: 45 * time.Millisecond, away: "lamp"}
		i := New(Config{Waves: 1, Meter: b, Log: zerolog.Nop()}, b, b)
		_ = buyOf(i, "lamp")
		for range 5 {
			if err := buyOf(i, "hat"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(250 * time.Millisecond)
			go func() { _ = buyOf(i, "lamp") }()
			synctest.Wait()
		}
		_ = i.Stop(t.Context())
	})
}

// One connection to Redis dies, with a lamp on it. All the while others answer about
// lamps, of which those that are written wait longer than staleAfter.
func TestAWaveThatHangsAloneHasNobodyElseRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{silence: 45 * time.Millisecond, away: "nothing", commits: 2 * staleAfter}
		b.hangs.Store(true)
		i := New(Config{Waves: 2, Meter: b, Log: zerolog.Nop()}, b, b)
		var all sync.WaitGroup
		all.Go(func() {
			if err := buy(i); order.CodeOf(err) != order.CodeUnavailable {
				t.Error("the one on it:", err)
			}
		})
		synctest.Wait()
		for range 100 {
			all.Go(func() {
				if err := buy(i); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		_ = i.Stop(t.Context())
	})
}

// The second wave is one lamp, about which the gate says nothing, and a hat. The
// third, of hats, tells nothing of lamps: the one of the fourth is not asked about.
func TestASilentProductIsRememberedWhileOthersAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{holdErr: gone, silence: 45 * time.Millisecond, away: "lamp", commits: 20 * time.Millisecond}
		i := New(Config{Waves: 1, MaxWave: 2, Meter: b, Log: zerolog.Nop()}, b, b)
		var all sync.WaitGroup
		begun := time.Now()
		for _, id := range []string{"hat", "lamp", "hat", "hat", "hat", "lamp", "hat"} {
			all.Go(func() {
				if err := buyOf(i, id); (err == nil) != (id == "hat") {
					t.Error(id, err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		if took := time.Since(begun); took != b.silence+4*b.commits {
			t.Errorf("the last was answered after %v", took)
		}
		_ = i.Stop(t.Context())
	})
}

// Postgres hangs, and the gate refuses the one that was to find out whether it
// still does: nobody has found out.
func TestARefusalOfTheGateSaysNothingAboutTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{commits: time.Hour}
		i := New(Config{Waves: 1, Budget: 20 * time.Millisecond, Meter: b, Log: zerolog.Nop()}, b, b)
		_ = buy(i) // cut off
		synctest.Wait()
		b.holdErr = order.Errorf(order.CodeSoldOut, "None is left.")
		if err := buy(i); order.CodeOf(err) != order.CodeSoldOut {
			t.Error(err)
		}
		synctest.Wait() // who has his answer does not know yet that the wave has ended
		b.holdErr = nil
		var refused atomic.Int32
		for range 40 {
			go func() {
				if order.CodeOf(buy(i)) == order.CodeOverloaded {
					refused.Add(1)
				}
			}()
		}
		synctest.Wait()
		if n := refused.Load(); n != 39 {
			t.Errorf("%d of 40 were refused at once", n)
		}
		_ = i.Stop(t.Context())
	})
}

// On a machine so busy that every wave begins late, nobody would be asked about
// any more, and the gate never be found to answer again.
func TestWhoCameAfterASilentWaveIsAskedAbout(t *testing.T) {
	b := &backend{}
	w := &waves{gate: b, store: b, meter: b}
	w.silence.all = time.Now()
	late := batch.New(batch.Config{Servers: 1, MaxBatch: 1, MaxQueue: 1, Deadline: time.Minute}, func(ctx context.Context, calls []*call) bool {
		time.Sleep(2 * staleAfter)
		return w.run(ctx, calls)
	})
	defer late.Stop(context.Background())
	if _, err := late.Do(context.Background(), order.HoldRequest{Request: order.Request{Quantity: 1}}); err != nil {
		t.Error(err)
	}
	if !w.silence.all.IsZero() || len(w.silence.products) > 0 {
		t.Error("the gate still counts as silent")
	}
}
