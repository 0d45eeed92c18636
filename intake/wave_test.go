package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
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
	time.Sleep(b.silence)
	results := make([]batch.Result[order.Held], len(rs))
	for i, r := range rs {
		results[i].Err = b.holdErr
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

func (b *backend) Insert(_ context.Context, intents []order.Intent) []batch.Result[order.Accepted] {
	results := make([]batch.Result[order.Accepted], len(intents))
	for i, in := range intents {
		results[i] = batch.Result[order.Accepted]{Value: order.Accepted{OrderID: in.ID}, Err: b.insertErr}
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

func buy(i *Intake) error {
	_, err := i.Accept(context.Background(), order.Request{UserID: "ann", ProductID: "lamp", Quantity: 1})
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
	b := &backend{holdErr: order.Errorf(order.CodeUnavailable, "Gone."), silence: 200 * time.Millisecond}
	i := start(t, b)
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
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("the last was answered after %v", took)
	}
}

// On a machine so busy that every wave begins late, nobody would be asked about
// any more, and the gate never be found to answer again.
func TestWhoCameAfterASilentWaveIsAskedAbout(t *testing.T) {
	b := &backend{}
	w := &waves{gate: b, store: b, meter: b}
	w.mute.Store(&silence{since: time.Now(), products: map[string]bool{"": true}})
	late := batch.New(batch.Config{Servers: 1, MaxBatch: 1, MaxQueue: 1, Deadline: time.Second}, func(ctx context.Context, calls []*call) {
		time.Sleep(2 * staleAfter)
		w.run(ctx, calls)
	})
	defer late.Stop(context.Background())
	if _, err := late.Do(context.Background(), order.HoldRequest{Request: order.Request{Quantity: 1}}); err != nil {
		t.Error(err)
	}
	if w.mute.Load() != nil {
		t.Error("the gate still counts as silent")
	}
}
