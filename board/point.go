package board

import "order-service/order"

// point is what the board shows of one moment, and an event of its stream. A
// figure that cannot be had is null, and health says why.
type point struct {
	At       order.Time `json:"at"`
	Process  string     `json:"process"` // version and host, since intake and streams are one process's
	Orders   orders     `json:"orders"`
	Intake   intake     `json:"intake"`
	Outbox   outbox     `json:"outbox"`
	Consumer consumer   `json:"consumer"`
	Payments payments   `json:"payments"`
	Streams  int64      `json:"streams"`
	Products []product  `json:"products"`
	Health   health     `json:"health"`
}

type orders struct {
	PerSecond       *float64               `json:"perSecond"` // of the whole system
	ByStatus        map[order.Status]int64 `json:"byStatus"`  // placed within the last hour, of the newest 250,000
	OldestPendingMS *int64                 `json:"oldestPendingMs"`
}

type intake struct {
	P50MS            *float64               `json:"p50Ms"`
	P99MS            *float64               `json:"p99Ms"`
	PerSecond        *float64               `json:"perSecond"`
	RefusedPerSecond map[order.Code]float64 `json:"refusedPerSecond"`
}

type outbox struct {
	Rows     *int64 `json:"rows"`
	OldestMS *int64 `json:"oldestMs"`
}

type consumer struct {
	Lag    *int64 `json:"lag"`
	WaitMS int64  `json:"waitMs,omitempty"` // of who comes last, at the present speed
}

type payments struct {
	Open       *int64  `json:"open"` // orders that wait for their payment
	OpenMoney  []money `json:"openMoney"`
	Refunding  *int64  `json:"refunding"`
	Mismatched *int64  `json:"mismatched"` // within the last day
}

type money struct {
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"`
}

type product struct {
	ProductID string          `json:"productId"`
	Name      string          `json:"name"`
	Currency  string          `json:"currency"`
	UnitPrice int64           `json:"unitPrice"`
	Total     int64           `json:"total"`
	Available int64           `json:"available"`
	Reserved  int64           `json:"reserved"`
	Confirmed int64           `json:"confirmed"`
	State     order.SaleState `json:"state"`
}

// show fills in what Postgres knows.
func (p *point) show(v order.Overview) {
	p.Orders = orders{
		PerSecond: new(rounded(v.PlacedPerSecond)), ByStatus: v.ByStatus, OldestPendingMS: new(v.OldestPending.Milliseconds()),
	}
	p.Outbox = outbox{Rows: new(v.OutboxRows), OldestMS: new(v.OutboxAge.Milliseconds())}
	p.Payments = payments{
		Open: new(v.Awaited), OpenMoney: make([]money, len(v.AwaitedMoney)),
		Refunding: new(v.Payments[order.PaymentRefunding]), Mismatched: new(v.Payments[order.PaymentMismatch]),
	}
	for i, m := range v.AwaitedMoney {
		p.Payments.OpenMoney[i] = money{m.Currency, m.Amount}
	}
	p.Products = make([]product, len(v.Products))
	for i, sold := range v.Products {
		p.Products[i] = product{
			ProductID: sold.ID, Name: sold.Name, Currency: sold.Currency, UnitPrice: sold.UnitPrice,
			Total: sold.Ledger.Total, Available: sold.Ledger.Available, Reserved: sold.Ledger.Reserved, Confirmed: sold.Ledger.Confirmed,
			State: sold.State(v.At),
		}
	}
}
