package e2e

import (
	"crypto/rand"
	"strings"
	"testing"

	"order-service/devstack/sale"
)

// TestSaleOfTwentyBuyersLeavesNothingOpen plays what make demo plays, in
// seconds: whatever the buyers do, every order ends and --verify is clean.
func TestSaleOfTwentyBuyersLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	s := newShop(t, "PAYMENT_URL", "", "PAYMENT_SANDBOX", "true", "PAYMENT_TIMEOUT", "3s")
	s.start("all")
	run := strings.ToLower(rand.Text()[:8]) // shops may share a Redis
	rare := sale.Product{ID: "rare-" + run, Name: "Rare", UnitPrice: unitPrice, Currency: "EUR", Stock: 2, PerUserLimit: 1}
	common := sale.Product{ID: "common-" + run, Name: "Common", UnitPrice: unitPrice, Currency: "EUR", Stock: 1000}
	drop := sale.Product{ID: "drop-" + run, Name: "The drop", UnitPrice: unitPrice, Currency: "EUR", Stock: 5, PerUserLimit: 1}
	got, err := sale.Run(t.Context(), sale.Config{
		URL: s.url, Secret: s.env["JWT_SECRET"], Buyers: 20, Visits: 20, Speed: 20, Out: t.Output(),
		Products: []sale.Product{rare, common}, Drop: drop,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Placed < 5 || got.Placed != got.Confirmed+got.Failed+got.Cancelled {
		t.Errorf("%+v: want at least five orders, all ended", got)
	}
	if units := s.ledger(drop.ID); units.Available < 0 || units.Reserved != 0 {
		t.Errorf("the drop's ledger: %+v", units)
	}
}
