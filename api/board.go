package api

import (
	"net"
	"os"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// boardPoint is what the sale board shows of one moment, and an event of its
// stream. A figure that cannot be had is null, and health says why.
type boardPoint struct {
	At       order.Time     `json:"at"`
	Process  string         `json:"process"` // version and host, since intake and streams are one process's
	Orders   boardOrders    `json:"orders"`
	Intake   boardIntake    `json:"intake"`
	Outbox   boardOutbox    `json:"outbox"`
	Consumer boardConsumer  `json:"consumer"`
	Payments boardPayments  `json:"payments"`
	Streams  int64          `json:"streams"`
	Products []boardProduct `json:"products"`
	Health   boardHealth    `json:"health"`
}

type boardOrders struct {
	PerSecond       *float64               `json:"perSecond"` // of the whole system
	ByStatus        map[order.Status]int64 `json:"byStatus"`  // placed within the last hour
	OldestPendingMS *int64                 `json:"oldestPendingMs"`
}

type boardIntake struct {
	P50MS            *float64               `json:"p50Ms"`
	P99MS            *float64               `json:"p99Ms"`
	PerSecond        *float64               `json:"perSecond"`
	RefusedPerSecond map[order.Code]float64 `json:"refusedPerSecond"`
}

type boardOutbox struct {
	Rows     *int64 `json:"rows"`
	OldestMS *int64 `json:"oldestMs"`
}

type boardConsumer struct {
	Lag    *int64 `json:"lag"`
	WaitMS int64  `json:"waitMs,omitempty"` // of who comes last, at the present speed
}

type boardPayments struct {
	Open       *int64       `json:"open"` // orders that wait for their payment
	OpenMoney  []boardMoney `json:"openMoney"`
	Refunding  *int64       `json:"refunding"`
	Mismatched *int64       `json:"mismatched"` // within the last day
}

type boardMoney struct {
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"`
}

type boardProduct struct {
	ProductID string `json:"productId"`
	Name      string `json:"name"`
	Currency  string `json:"currency"`
	UnitPrice int64  `json:"unitPrice"`
	ledgerView
	State order.SaleState `json:"state"`
}

// boardEvents answers GET /board/events: one boardPoint a second as server-sent
// events, to administrators.
func (s *Server) boardEvents(c *fiber.Ctx) error {
	who, err := s.streamCaller(c, roleAdmin)
	if err != nil {
		return err
	}
	if err := s.board.admits(); err != nil {
		return err
	}
	return hijackStream(c, func(conn net.Conn) { s.board.serve(conn, who.expires) })
}

// processName tells replicas apart.
func processName(version string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	return version + " on " + host
}

// show fills in what Postgres knows.
func (p *boardPoint) show(v order.Overview) {
	p.Orders = boardOrders{
		PerSecond: new(rounded(v.PlacedPerSecond)), ByStatus: v.ByStatus, OldestPendingMS: new(v.OldestPending.Milliseconds()),
	}
	p.Outbox = boardOutbox{Rows: new(v.OutboxRows), OldestMS: new(v.OutboxAge.Milliseconds())}
	p.Payments = boardPayments{
		Open: new(v.Awaited), OpenMoney: make([]boardMoney, len(v.AwaitedMoney)),
		Refunding: new(v.Payments[order.PaymentRefunding]), Mismatched: new(v.Payments[order.PaymentMismatch]),
	}
	for i, m := range v.AwaitedMoney {
		p.Payments.OpenMoney[i] = boardMoney{m.Currency, m.Amount}
	}
	p.Products = make([]boardProduct, len(v.Products))
	for i, product := range v.Products {
		p.Products[i] = boardProduct{
			ProductID: product.ID, Name: product.Name, Currency: product.Currency, UnitPrice: product.UnitPrice,
			ledgerView: ledgerView(product.Ledger), State: product.State(v.At),
		}
	}
}
