package board

import (
	"strings"
	"testing"
	"time"

	"order-service/order"
)

func TestHealthIsDecidedByTheWorstFigure(t *testing.T) {
	healthy := func() figures {
		return figures{overview: &order.Overview{Payments: map[order.PaymentState]int64{}}, lag: new(int64(5000))}
	}
	for name, c := range map[string]struct {
		change func(*figures)
		level  level
		says   string
	}{
		"nothing":                 {func(*figures) {}, levelOK, ""},
		"a lag that shrinks":      {func(f *figures) { f.behind = -10 }, levelOK, ""},
		"a lag that grows":        {func(f *figures) { f.behind = 10 }, levelWarning, "5000 orders behind"},
		"a small lag that grows":  {func(f *figures) { f.lag, f.behind = new(int64(900)), 10 }, levelOK, ""},
		"a slow saga":             {func(f *figures) { f.overview.OldestPending = 31 * time.Second }, levelWarning, "PENDING for 31s"},
		"a slow provider":         {func(f *figures) { f.overview.ReservedFor = 61 * time.Second }, levelWarning, "no payment link"},
		"a topic of no use":       {func(f *figures) { f.overview.ReservedFor = 6 * time.Minute }, levelCritical, "units for 6m0s"},
		"a stuck saga":            {func(f *figures) { f.overview.OldestPending = 3 * time.Minute }, levelCritical, "PENDING for 3m0s"},
		"an outbox that waits":    {func(f *figures) { f.overview.OutboxAge = 11 * time.Second }, levelWarning, "outbox for 11s"},
		"a slow intake":           {func(f *figures) { f.intake.P99MS = new(101.0) }, levelWarning, "101 ms"},
		"a very slow intake":      {func(f *figures) { f.intake.P99MS = new(800.0) }, levelCritical, "800 ms"},
		"overload":                {func(f *figures) { f.intake.RefusedPerSecond = map[order.Code]float64{order.CodeOverloaded: 2} }, levelWarning, "2.0 orders a second"},
		"a sold-out sale":         {func(f *figures) { f.intake.RefusedPerSecond = map[order.Code]float64{order.CodeSoldOut: 900} }, levelOK, ""},
		"a mismatch":              {func(f *figures) { f.overview.Payments[order.PaymentMismatch] = 1 }, levelWarning, "1 payments"},
		"a refund on its way":     {func(f *figures) { f.overview.RefundingFor = time.Minute }, levelOK, ""},
		"a refund that stands":    {func(f *figures) { f.overview.RefundingFor = 16 * time.Minute }, levelCritical, "refund"},
		"no Postgres":             {func(f *figures) { f.away = []Check{{"postgres", true, nil}} }, levelCritical, "Postgres does not answer"},
		"no Kafka, can do so":     {func(f *figures) { f.away = []Check{{"kafka", false, nil}} }, levelWarning, "Kafka does not answer"},
		"no Kafka, cannot do so":  {func(f *figures) { f.away = []Check{{"kafka", true, nil}} }, levelCritical, "Kafka does not answer"},
		"orders that are no read": {func(f *figures) { f.overview = nil }, levelWarning, "Postgres is too slow to be watched"},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			c.change(&f)
			got := judge(f)
			if got.Level != c.level || c.says == "" && len(got.Reasons) > 0 || c.says != "" && (len(got.Reasons) != 1 || !strings.Contains(got.Reasons[0], c.says)) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestReasonsAreWorstFirst(t *testing.T) {
	f := figures{overview: &order.Overview{OldestPending: time.Minute, OutboxAge: 2 * time.Minute}, lag: new(int64(0))}
	got := judge(f)
	if got.Level != levelCritical || len(got.Reasons) != 2 || !strings.Contains(got.Reasons[0], "outbox") {
		t.Errorf("%+v", got)
	}
}
