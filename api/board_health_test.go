package api

import (
	"strings"
	"testing"
	"time"

	"order-service/order"
)

func TestHealthIsDecidedByTheWorstFigure(t *testing.T) {
	healthy := func() boardFigures {
		return boardFigures{overview: &order.Overview{Payments: map[order.PaymentState]int64{}}, lag: new(int64(5000))}
	}
	for name, c := range map[string]struct {
		change func(*boardFigures)
		level  boardLevel
		says   string
	}{
		"nothing":                 {func(*boardFigures) {}, levelOK, ""},
		"a lag that shrinks":      {func(f *boardFigures) { f.behind = -10 }, levelOK, ""},
		"a lag that grows":        {func(f *boardFigures) { f.behind = 10 }, levelWarning, "5000 orders behind"},
		"a small lag that grows":  {func(f *boardFigures) { f.lag, f.behind = new(int64(900)), 10 }, levelOK, ""},
		"a slow saga":             {func(f *boardFigures) { f.overview.OldestPending = 31 * time.Second }, levelWarning, "PENDING for 31s"},
		"a stuck saga":            {func(f *boardFigures) { f.overview.OldestPending = 3 * time.Minute }, levelCritical, "PENDING for 3m0s"},
		"an outbox that waits":    {func(f *boardFigures) { f.overview.OutboxAge = 11 * time.Second }, levelWarning, "outbox for 11s"},
		"a slow intake":           {func(f *boardFigures) { f.intake.P99MS = new(101.0) }, levelWarning, "101 ms"},
		"a very slow intake":      {func(f *boardFigures) { f.intake.P99MS = new(800.0) }, levelCritical, "800 ms"},
		"overload":                {func(f *boardFigures) { f.intake.RefusedPerSecond = map[order.Code]float64{order.CodeOverloaded: 2} }, levelWarning, "2.0 orders a second"},
		"a sold-out sale":         {func(f *boardFigures) { f.intake.RefusedPerSecond = map[order.Code]float64{order.CodeSoldOut: 900} }, levelOK, ""},
		"a mismatch":              {func(f *boardFigures) { f.overview.Payments[order.PaymentMismatch] = 1 }, levelWarning, "1 payments"},
		"a refund on its way":     {func(f *boardFigures) { f.overview.RefundingFor = time.Minute }, levelOK, ""},
		"a refund that stands":    {func(f *boardFigures) { f.overview.RefundingFor = 16 * time.Minute }, levelCritical, "refund"},
		"no Postgres":             {func(f *boardFigures) { f.away = []Check{{"postgres", true, nil}} }, levelCritical, "Postgres does not answer"},
		"no Kafka, can do so":     {func(f *boardFigures) { f.away = []Check{{"kafka", false, nil}} }, levelWarning, "Kafka does not answer"},
		"no Kafka, cannot do so":  {func(f *boardFigures) { f.away = []Check{{"kafka", true, nil}} }, levelCritical, "Kafka does not answer"},
		"orders that are no read": {func(f *boardFigures) { f.overview = nil }, levelWarning, "Postgres is too slow to be watched"},
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
	f := boardFigures{overview: &order.Overview{OldestPending: time.Minute, OutboxAge: 2 * time.Minute}, lag: new(int64(0))}
	got := judge(f)
	if got.Level != levelCritical || len(got.Reasons) != 2 || !strings.Contains(got.Reasons[0], "outbox") {
		t.Errorf("%+v", got)
	}
}

func TestRatesLookBackOverOneWindow(t *testing.T) {
	var rates boardRates
	at := time.Unix(1000, 0)
	sample := func(accepted ...uint64) boardIntake {
		at = at.Add(time.Second)
		return rates.intake(boardSample{ProcessFigures{
			Bounds: []time.Duration{time.Millisecond, 2 * time.Millisecond}, Accepted: accepted,
			Refused: map[order.Code]uint64{order.CodeSoldOut: accepted[0]},
		}, at})
	}
	if got := sample(1000, 0, 0); got.PerSecond != nil || got.P50MS != nil || got.RefusedPerSecond != nil {
		t.Errorf("one sample gives %+v", got)
	}
	if got := sample(1000, 0, 0); *got.PerSecond != 0 || got.P50MS != nil || got.RefusedPerSecond[order.CodeSoldOut] != 0 {
		t.Errorf("no orders give %+v", got)
	}
	got := sample(1000, 10, 0)
	if *got.PerSecond != 5 || *got.P50MS != 1.5 || *got.P99MS != 1.99 {
		t.Errorf("ten orders of two seconds give %v, %v, %v", *got.PerSecond, *got.P50MS, *got.P99MS)
	}
	for range 6 {
		got = sample(1000, 10, 0)
	}
	if *got.PerSecond != 0 {
		t.Errorf("%v orders per second after the window", *got.PerSecond)
	}
	if got = sample(1000, 10, 5); *got.P99MS != 2 {
		t.Errorf("orders above every bound give %v", *got.P99MS)
	}
	if len(rates.samples) > 7 {
		t.Errorf("%d samples are kept", len(rates.samples))
	}
}
