package order_test

import (
	"strings"
	"testing"
	"time"

	"order-service/order"
)

func TestSaleState(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before, after := now.Add(-time.Nanosecond), now.Add(time.Nanosecond)
	for name, c := range map[string]struct {
		starts, ends time.Time
		available    int64
		want         order.SaleState
	}{
		"always open":              {available: 1, want: order.Open},
		"nothing left":             {available: 0, want: order.SoldOut},
		"not yet":                  {starts: after, available: 1, want: order.Upcoming},
		"not yet, nothing there":   {starts: after, want: order.Upcoming},
		"starts now":               {starts: now, available: 1, want: order.Open},
		"still open":               {starts: before, ends: after, available: 1, want: order.Open},
		"ends now":                 {starts: before, ends: now, available: 1, want: order.Closed},
		"over":                     {ends: before, available: 1, want: order.Closed},
		"over and nothing left":    {ends: before, want: order.Closed},
		"started and nothing left": {starts: before, ends: after, want: order.SoldOut},
	} {
		p := order.Product{StartsAt: c.starts, EndsAt: c.ends, Ledger: order.Ledger{Available: c.available}}
		if got := p.State(now); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestProductNamesEveryBadField(t *testing.T) {
	t.Parallel()
	now, never := time.Now(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	good := order.Product{ID: "lamp", Name: "Lamp", UnitPrice: 1999, Currency: "EUR", Ledger: order.Ledger{Total: 10}}
	for name, c := range map[string]struct {
		change func(*order.Product)
		fields []string
	}{
		"good": {func(*order.Product) {}, nil},
		"free": {func(p *order.Product) { p.UnitPrice = 0 }, nil},
		"at its bounds": {func(p *order.Product) {
			p.UnitPrice, p.Ledger.Total, p.PerUserLimit = order.MaxPrice, order.MaxStock, 1
		}, nil},
		"window":       {func(p *order.Product) { p.StartsAt, p.EndsAt = now, now.Add(1) }, nil},
		"only an end":  {func(p *order.Product) { p.EndsAt = now }, nil},
		"empty window": {func(p *order.Product) { p.StartsAt, p.EndsAt = now, now }, []string{"endsAt"}},
		"never ends":   {func(p *order.Product) { p.EndsAt = never }, nil},
		"year 10000":   {func(p *order.Product) { p.StartsAt, p.EndsAt = now, never.Add(time.Second) }, []string{"endsAt"}},
		"never starts": {func(p *order.Product) { p.StartsAt = never.Add(time.Second) }, []string{"startsAt"}},
		"antiquity":    {func(p *order.Product) { p.StartsAt = time.Unix(-1, 0) }, []string{"startsAt"}},
		"nameless":     {func(p *order.Product) { p.Name = "" }, []string{"name"}},
		"long name":    {func(p *order.Product) { p.Name = strings.Repeat("x", 201) }, []string{"name"}},
		"too dear":     {func(p *order.Product) { p.UnitPrice = order.MaxPrice + 1 }, []string{"unitPrice"}},
		"too much":     {func(p *order.Product) { p.Ledger.Total = order.MaxStock + 1 }, []string{"stock"}},
		"everything": {func(p *order.Product) {
			*p = order.Product{UnitPrice: -1, PerUserLimit: -1, StartsAt: now, EndsAt: now.Add(-1), Ledger: order.Ledger{Total: -1}}
		}, []string{"productId", "name", "unitPrice", "currency", "stock", "perUserLimit", "endsAt"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := good
			c.change(&p)
			checkFields(t, p.Validate(), c.fields)
		})
	}
}

func TestFreeUnitsAreNeverNegative(t *testing.T) {
	t.Parallel()
	for stock, want := range map[order.GateStock]int64{{Available: 5, Held: 2}: 3, {Available: 2, Held: 2}: 0, {Available: 1, Held: 2}: 0} {
		if got := stock.Free(); got != want {
			t.Errorf("%+v: %d free, want %d", stock, got, want)
		}
	}
}

func TestPaymentIDIsPrintableASCIIWithoutSpaces(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"pay_1": true, "~": true, strings.Repeat("x", order.MaxPaymentID): true,
		"": false, "a b": false, "a\n": false, "é": false, "\x7f": false, strings.Repeat("x", order.MaxPaymentID+1): false,
	} {
		if got := order.ValidPaymentID(id); got != want {
			t.Errorf("%q: %t, want %t", id, got, want)
		}
	}
}
