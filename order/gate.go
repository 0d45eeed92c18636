package order

import "github.com/google/uuid"

// HoldRequest asks the gate to hold units for an order that is about to be
// written.
type HoldRequest struct {
	Request
	OrderID uuid.UUID
	Hash    []byte // Request.Hash; remembered with the key
	Retry   bool   // OrderID is the key's known id: hold again under it, do not look at the key
}

// Held is the gate's answer to a HoldRequest. When Seen, the key was used
// before: OrderID and Hash are the first request's and nothing was held.
type Held struct {
	OrderID   uuid.UUID
	UnitPrice Money
	TakenAt   int64 // when the gate took the units, in ms of its own clock; 0 where it held them already
	Seen      bool
	Hash      []byte
}

// GateStock is the gate's copy of one product: the ledger at Version and the
// units held for orders in flight.
type GateStock struct {
	Version, Available, Held int64
}

// Free is how many units the gate would still admit.
func (g GateStock) Free() int64 { return max(0, g.Available-g.Held) }

// GateChunk is a part of the snapshot from which the gate is rebuilt: first
// the product, then units by user where there is a limit, then the holds of
// PENDING orders.
type GateChunk struct {
	Product *Product
	Users   map[string]int64
	Holds   []GateHold
}

// GateHold is a hold that a PENDING order must have in the gate.
type GateHold struct {
	OrderID  uuid.UUID
	UserID   string
	Quantity int
}

// HoldFate is what became of the order behind an old hold.
type HoldFate struct {
	OrderID uuid.UUID
	Pending bool  // still PENDING: the hold is kept
	Stock   Stock // the product's present ledger, to settle with otherwise
}
