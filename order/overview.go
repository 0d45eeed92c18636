package order

import "time"

// Overview is the whole system at one instant, as Postgres knows it: what an
// operator watches during a sale.
type Overview struct {
	At              time.Time
	ByStatus        map[Status]int64 // orders placed within the last hour, of very many the newest; every status is named
	PlacedPerSecond float64          // over the last few seconds
	OldestPending   time.Duration    // age of the oldest PENDING order; 0: there is none
	ReservedFor     time.Duration    // how long the oldest INVENTORY_RESERVED order has been that; 0: there is none

	OutboxRows int64         // commits that are not published yet
	OutboxAge  time.Duration // age of the oldest

	Awaited      int64                  // orders that wait for their payment
	AwaitedMoney []Money                // what they cost, one for each currency
	Payments     map[PaymentState]int64 // RECEIVED, REFUNDING and, of the last day, MISMATCH
	RefundingFor time.Duration          // how long the oldest refund has been under way
	ReceivedFor  time.Duration          // how long the oldest payment has waited to be applied or refunded
	OverdueFor   time.Duration          // how long ago the first order that still waits should have given up

	Products []Product // those that sell, sorted by id
}
