package store

// The statements of the overview that run on tables which grow, for the test
// that looks at their plans.
const (
	OrdersByStatus = ordersByStatus
	OpenOrders     = openOrders
	LeftPayments   = leftPayments
)
