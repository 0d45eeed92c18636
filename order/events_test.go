package order_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"order-service/order"
)

func TestTimeIsRFC3339InUTCWithMilliseconds(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]string{
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC):                                            `"2026-01-02T03:04:05.000Z"`,
		time.Date(2026, 1, 2, 3, 4, 5, 987_654_321, time.UTC):                                  `"2026-01-02T03:04:05.987Z"`,
		time.Date(2026, 1, 2, 0, 4, 5, 20_000_000, time.FixedZone("", 2*60*60)):                `"2026-01-01T22:04:05.020Z"`,
		time.Date(2025, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", -(5*60*60+30*60))): `"2026-01-01T05:29:59.999Z"`,
	} {
		if got, err := json.Marshal(order.Time{Time: at}); string(got) != want || err != nil {
			t.Errorf("%v is %s, %v; want %s", at, got, err, want)
		}
	}
}

func TestTimeReadsBackToTheMillisecond(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "ms"))
		data, err := json.Marshal(order.Time{Time: at})
		if err != nil {
			t.Fatal(err)
		}
		var back order.Time
		if err := json.Unmarshal(data, &back); err != nil || !back.Equal(at) {
			t.Fatalf("%v came back from %s as %v, %v", at, data, back, err)
		}
	})
}

var sample = order.Order{
	ID: uuid.MustParse("0199c7a0-0000-7000-8000-000000000001"), UserID: "ann", ProductID: "lamp",
	Quantity: 2, UnitPrice: 1999, Amount: 3998, Currency: "EUR",
	Status: order.Pending, Seq: 1,
	CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), UpdatedAt: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
}

func TestEventsHaveTheDocumentedJSON(t *testing.T) {
	t.Parallel()
	const id = `"orderId":"0199c7a0-0000-7000-8000-000000000001","userId":"ann"`
	waiting, failed := sample, sample
	waiting.Status, waiting.Seq, waiting.PaymentURL = order.PaymentPending, 3, "https://pay.example/1"
	waiting.ExpiresAt = sample.CreatedAt.Add(15 * time.Minute)
	failed.Status, failed.Seq, failed.FailureReason = order.Failed, 2, order.OutOfStock
	for _, c := range []struct {
		event any
		want  string
	}{
		{sample.Reservation(), `{` + id + `,"productId":"lamp","quantity":2,"unitPrice":1999,"amount":3998,"currency":"EUR","reservedAt":"2026-01-02T03:04:05.000Z"}`},
		{sample.Created(), `{` + id + `,"productId":"lamp","quantity":2,"amount":3998,"currency":"EUR","status":"PENDING","occurredAt":"2026-01-02T03:04:05.000Z"}`},
		{sample.First(), `{` + id + `,"seq":1,"status":"PENDING","message":"Order reserved successfully. Processing payment...","occurredAt":"2026-01-02T03:04:05.000Z"}`},
		{waiting.Snapshot(), `{` + id + `,"seq":3,"status":"PAYMENT_PENDING","message":"Waiting for your payment.","paymentUrl":"https://pay.example/1","expiresAt":"2026-01-02T03:19:05.000Z","occurredAt":"2026-01-02T03:04:06.000Z"}`},
		{failed.Snapshot(), `{` + id + `,"seq":2,"status":"FAILED","message":"The product sold out before your order could be reserved.","reason":"OUT_OF_STOCK","occurredAt":"2026-01-02T03:04:06.000Z"}`},
	} {
		if got, err := json.Marshal(c.event); string(got) != c.want || err != nil {
			t.Errorf("got  %s, %v\nwant %s", got, err, c.want)
		}
	}
}

// First and Created speak of the beginning, however far the order has come.
func TestTheBeginningOfAnOrderDoesNotChange(t *testing.T) {
	t.Parallel()
	later := sample
	later.Status, later.Seq, later.UpdatedAt = order.Confirmed, 4, sample.UpdatedAt.Add(time.Hour)
	if later.First() != sample.First() || later.Created() != sample.Created() || later.Reservation() != sample.Reservation() {
		t.Errorf("%+v, %+v", later.First(), later.Created())
	}
	if got := later.Snapshot(); got.Seq != 4 || got.Status != order.Confirmed {
		t.Errorf("snapshot %+v", got)
	}
	if got := later.Total(); got != (order.Money{Amount: 3998, Currency: "EUR"}) {
		t.Errorf("total %+v", got)
	}
}
