package order

import "github.com/google/uuid"

// Finding is one violation of an invariant, or one thing worth a look.
type Finding struct {
	Invariant string `json:"invariant"` // "I1" to "I4"
	Subject   string `json:"subject"`   // an order, product or payment id
	Detail    string `json:"detail"`
}

// Audit is what the database alone can tell about the invariants, read from
// one snapshot.
type Audit struct {
	Findings []Finding   // violations
	Notices  []Finding   // states that need a person, such as a MISMATCH
	Open     []uuid.UUID // orders past their grace and not final: each must have a workflow
	Products []Product   // ledgers to compare with the gate
	Orders   int64       // orders read
	Payments int64       // payments read
}
