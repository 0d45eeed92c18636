package order_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"order-service/order"
)

// texts are strings as anyone may send them: with everything that JSON escapes,
// that JavaScript stumbles over, and that is not UTF-8 at all.
func texts() *rapid.Generator[string] {
	nasty := rapid.SampledFrom([]string{
		"", `"`, `\`, "\x00", "\b\f\n\r\t", "\x1f", "\x7f", "<>&", "\u2028\u2029", "\xff", "\xc3\x28", "\xed\xa0\x80", "é", "日本", "😀", "user-1",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return nasty.Draw(t, "a") + rapid.OneOf(rapid.String(), nasty, rapid.StringN(0, 40, -1)).Draw(t, "b") +
			string(rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "c"))
	})
}

// times are from the year 0 to beyond 9999, in zones around the world.
func times() *rapid.Generator[order.Time] {
	return rapid.Custom(func(t *rapid.T) order.Time {
		at := time.Unix(rapid.Int64Range(-62_167_219_200, 260_000_000_000).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		return order.Time{Time: at.In(time.FixedZone("", rapid.IntRange(-14*3600, 14*3600).Draw(t, "zone")))}
	})
}

func ids() *rapid.Generator[uuid.UUID] {
	return rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
}

// sameJSON fails unless appending e gives what EncodeJSON writes, behind what
// was in the buffer.
func sameJSON(t *rapid.T, e interface{ AppendJSON([]byte) []byte }) {
	want, err := order.EncodeJSON(e)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.AppendJSON([]byte("before")); string(got) != "before"+string(want) {
		t.Fatalf("appended %s\nencoded  %s", got, want)
	}
}

func TestAppendedEventsAreEncodedEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id, userID, productID, currency := ids().Draw(t, "id"), texts().Draw(t, "user"), texts().Draw(t, "product"), texts().Draw(t, "currency")
		quantity, price, amount := rapid.Int().Draw(t, "quantity"), rapid.Int64().Draw(t, "price"), rapid.Int64().Draw(t, "amount")
		status, at := order.Status(texts().Draw(t, "status")), times().Draw(t, "at")
		sameJSON(t, order.ReservationEvent{
			OrderID: id, UserID: userID, ProductID: productID, Quantity: quantity,
			UnitPrice: price, Amount: amount, Currency: currency, ReservedAt: at,
		})
		sameJSON(t, order.CreatedEvent{
			OrderID: id, UserID: userID, ProductID: productID, Quantity: quantity,
			Amount: amount, Currency: currency, Status: status, OccurredAt: at,
		})
		sameJSON(t, order.ProgressEvent{
			OrderID: id, UserID: userID, Seq: price, Status: status, Message: texts().Draw(t, "message"),
			Reason: order.Reason(texts().Draw(t, "reason")), PaymentURL: texts().Draw(t, "url"),
			ExpiresAt: rapid.OneOf(rapid.Just(order.Time{}), times()).Draw(t, "expires"), OccurredAt: at,
		})
	})
}

func TestTimeIsWrittenAsItsLayoutSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := times().Draw(t, "at")
		want := `"` + at.UTC().Format("2006-01-02T15:04:05.000Z07:00") + `"`
		if got, err := at.MarshalJSON(); string(got) != want || err != nil {
			t.Fatalf("%v is %s, %v; want %s", at, got, err, want)
		}
	})
}

func TestAppendedIDIsItsString(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := ids().Draw(t, "id")
		if got := string(order.AppendID(nil, id)); got != id.String() {
			t.Fatalf("%s, want %s", got, id)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	e := sample.Reservation()
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
}
