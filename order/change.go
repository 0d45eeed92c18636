package order

// Change is what one move of an order did: the event to publish, the stock to
// settle in the gate, and the order as it is now. A repeated move returns the
// first one's event.
type Change struct {
	Event ProgressEvent
	Stock Stock
	Order Order

	// Paid is a payment that has come for an order which was to fail for want of
	// one. Then nothing was changed, and nothing else is set.
	Paid Payment
}

// Stock is one product's ledger as the gate needs it, after a move that
// concerned one user. A newer Version replaces an older one.
type Stock struct {
	ProductID string
	Version   int64
	Available int64
	UserID    string
	UserUnits int64 // units the user has reserved or confirmed; meaningful only where there is a limit
	Limited   bool  // the product has a per-user limit
}
