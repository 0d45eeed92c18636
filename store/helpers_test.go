package store_test

import (
	"cmp"
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"order-service/batch"
	"order-service/order"
	"order-service/store"
	"order-service/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a store with a schema of its own, an intake, and a second way into
// the schema for what the store's API does not show.
type shop struct {
	*store.Store
	intake *intake
	db     *pgxpool.Pool
	url    string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	return newShopWith(t, store.IntakeConfig{})
}

func newShopWith(t *testing.T, cfg store.IntakeConfig) *shop {
	t.Helper()
	return newShopBounded(t, cfg, batch.Config{})
}

// newShopBounded also bounds the batches of the intake.
func newShopBounded(t *testing.T, cfg store.IntakeConfig, bounds batch.Config) *shop {
	t.Helper()
	t.Parallel()
	url := storetest.URL(t)
	s := storetest.Open(t, url)
	db, err := pgxpool.New(t.Context(), url)
	must(t, err)
	t.Cleanup(db.Close)
	return &shop{Store: s, intake: startIntakeWith(t, s, cfg, bounds), db: db, url: url}
}

// intake shares commits between concurrent Inserts, as the service's does.
type intake struct {
	*store.Intake
	inserts *batch.Batcher[order.Intent, order.Accepted]
}

func startIntake(t *testing.T, s *store.Store, cfg store.IntakeConfig) *intake {
	t.Helper()
	return startIntakeWith(t, s, cfg, batch.Config{})
}

func startIntakeWith(t *testing.T, s *store.Store, cfg store.IntakeConfig, bounds batch.Config) *intake {
	t.Helper()
	bounds.Servers, bounds.MaxBatch = cmp.Or(bounds.Servers, 2), cmp.Or(bounds.MaxBatch, 256)
	bounds.MaxQueue, bounds.Deadline = cmp.Or(bounds.MaxQueue, 8192), cmp.Or(bounds.Deadline, 30*time.Second) // which a busy server may take
	in := s.NewIntake(cfg)
	i := &intake{Intake: in, inserts: batch.New(bounds, batch.Whole(in.Insert))}
	t.Cleanup(func() { must(t, i.inserts.Stop(context.Background())) })
	return i
}

// Insert writes one order in a batch with those that come at the same time.
func (i *intake) Insert(ctx context.Context, in order.Intent) (order.Accepted, error) {
	return i.inserts.Do(ctx, in)
}

func (i *intake) lookup(t tb, userID, key string) (*order.Accepted, error) {
	t.Helper()
	found := i.Lookup(context.Background(), []order.KeyOwner{{UserID: userID, Key: key}})[0]
	return found.Value, found.Err
}

// tb is what the helpers need of a *testing.T or a *rapid.T.
type tb interface {
	Context() context.Context
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func must(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t tb, err error, want order.Code) {
	t.Helper()
	if got := order.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q (error: %v)", got, want, err)
	}
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// put makes a product with so many units.
func (s *shop) put(t tb, stock int64, limit int) order.Product {
	t.Helper()
	p, err := s.PutProduct(context.Background(), order.Product{
		ID: "p-" + newID().String(), Name: "Lamp", UnitPrice: 1999, Currency: "EUR",
		PerUserLimit: limit, Ledger: order.Ledger{Total: stock},
	}, nil)
	must(t, err)
	return p
}

func (s *shop) ledger(t tb, id string) order.Ledger {
	t.Helper()
	p, err := s.Product(context.Background(), id)
	must(t, err)
	return p.Ledger
}

// intent is an order of one unit, as the API would hand it in.
func intent(userID, productID, key string) order.Intent {
	in := order.Intent{
		Order: order.Order{
			ID: newID(), UserID: userID, ProductID: productID, Quantity: 1,
			UnitPrice: 1999, Amount: 1999, Currency: "EUR", CreatedAt: time.Now(),
		},
		Key: key,
	}
	if key != "" {
		in.Hash = order.Request{ProductID: productID, Quantity: 1}.Hash()
	}
	return in
}

// place accepts an order of quantity units.
func (s *shop) place(t tb, userID, productID string, quantity int) uuid.UUID {
	t.Helper()
	return s.placeAt(t, 1999, userID, productID, quantity)
}

// placeAt is place at another price.
func (s *shop) placeAt(t tb, price int64, userID, productID string, quantity int) uuid.UUID {
	t.Helper()
	in := intent(userID, productID, "")
	in.Quantity, in.UnitPrice, in.Amount = quantity, price, int64(quantity)*price
	got, err := s.intake.Insert(context.Background(), in)
	must(t, err)
	return got.OrderID
}

// pay records the payment that confirms an order.
func (s *shop) pay(t tb, id uuid.UUID, paymentID string) {
	t.Helper()
	o, err := s.Order(context.Background(), id)
	must(t, err)
	_, err = s.RecordPayment(context.Background(), order.Payment{
		ID: paymentID, OrderID: id, Money: o.Total(), State: order.PaymentReceived,
	})
	must(t, err)
}

// advance takes a new order along the happy path up to status.
func (s *shop) advance(t tb, id uuid.UUID, to order.Status) {
	t.Helper()
	ctx := context.Background()
	if to == order.Pending {
		return
	}
	_, err := s.Reserve(ctx, id)
	must(t, err)
	if to == order.InventoryReserved {
		return
	}
	_, err = s.RequestPayment(ctx, id, "pay-"+id.String(), "https://pay.test/"+id.String(), time.Now().Add(time.Hour))
	must(t, err)
	if to == order.PaymentPending {
		return
	}
	s.pay(t, id, "pay-"+id.String())
	_, err = s.Confirm(ctx, id, "pay-"+id.String())
	must(t, err)
}

// at makes an order that stands in status.
func (s *shop) at(t tb, productID string, status order.Status) uuid.UUID {
	t.Helper()
	id := s.place(t, "user-"+newID().String(), productID, 1)
	s.bring(t, id, status)
	return id
}

// bring takes a new order to status.
func (s *shop) bring(t tb, id uuid.UUID, status order.Status) {
	t.Helper()
	var err error
	switch status {
	case order.Failed:
		_, err = s.Finish(context.Background(), id, order.Failed, order.OutOfStock)
	case order.Cancelled:
		_, err = s.Finish(context.Background(), id, order.Cancelled, "")
	default:
		s.advance(t, id, status)
	}
	must(t, err)
}

func (s *shop) exec(t tb, sql string, args ...any) {
	t.Helper()
	_, err := s.db.Exec(context.Background(), sql, args...)
	must(t, err)
}

func (s *shop) count(t tb, sql string, args ...any) (n int) {
	t.Helper()
	must(t, s.db.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// eventually waits for a condition that another goroutine or server brings
// about.
func eventually(t tb, what string, ok func() bool) {
	t.Helper()
	if !soon(ok) {
		t.Fatalf("timed out waiting until %s", what)
	}
}

// soon reports whether the condition comes about.
func soon(ok func() bool) bool {
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
