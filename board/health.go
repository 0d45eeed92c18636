package board

import (
	"fmt"
	"slices"
	"time"

	"order-service/order"
)

// level is how much is wrong.
type level string

const (
	levelOK       level = "ok"
	levelWarning  level = "warning"
	levelCritical level = "critical"
)

// health is the verdict, with what led to it for whoever is on call, the worst
// first.
type health struct {
	Level   level    `json:"level"`
	Reasons []string `json:"reasons"`
}

// rule judges one figure: above warning it is a warning, above critical it is
// critical; where there is no critical it never is.
type rule struct {
	figure            func(figures) float64
	warning, critical float64
	says              func(float64) string
}

// rules is all that the board's health is decided by, besides backends that do
// not answer or are too slow to be read. Ages are in seconds.
var rules = []rule{
	{oldestPending, 30, 120, age("An order has been PENDING for %v: sagas are not started, or do not run.")},
	{reservedFor, 60, 300, age("An order has had its units for %v and no payment link: the provider does not answer, or order.progress cannot be written.")},
	{outboxAge, 10, 60, age("Accepted orders have waited in the outbox for %v: they are not published to Kafka.")},
	{intakeP99, 100, 500, number("One order in a hundred takes longer than %.0f ms to be accepted.")},
	{overloaded, 0, 0, number("%.1f orders a second are refused because too many are waiting.")},
	{growingLag, 1000, 0, number("The consumer group is %.0f orders behind and falls back further.")},
	{refunding, 120, 900, age("A refund has been under way for %v: the payment provider does not take it.")},
	{mismatched, 0, 0, number("%.0f payments of the last day do not match their orders and need a person.")},
}

func oldestPending(f figures) float64 { return f.seen().OldestPending.Seconds() }
func reservedFor(f figures) float64   { return f.seen().ReservedFor.Seconds() }
func outboxAge(f figures) float64     { return f.seen().OutboxAge.Seconds() }
func refunding(f figures) float64     { return f.seen().RefundingFor.Seconds() }
func mismatched(f figures) float64    { return float64(f.seen().Payments[order.PaymentMismatch]) }
func overloaded(f figures) float64    { return f.intake.RefusedPerSecond[order.CodeOverloaded] }

func intakeP99(f figures) float64 {
	if f.intake.P99MS == nil {
		return 0
	}
	return *f.intake.P99MS
}

// growingLag is 0 for a lag that is being worked off.
func growingLag(f figures) float64 {
	if f.lag == nil || f.behind <= 0 {
		return 0
	}
	return float64(*f.lag)
}

// seen is the overview, empty where there is none.
func (f figures) seen() order.Overview {
	if f.overview == nil {
		return order.Overview{}
	}
	return *f.overview
}

func number(format string) func(float64) string {
	return func(v float64) string { return fmt.Sprintf(format, v) }
}

func age(format string) func(float64) string {
	return func(seconds float64) string {
		return fmt.Sprintf(format, time.Duration(seconds*float64(time.Second)).Round(time.Second))
	}
}

// judge applies the rules.
func judge(f figures) health {
	var critical, warning []string
	for _, check := range f.away {
		if check.Required {
			critical = append(critical, doesNotAnswer(check.Name))
		} else {
			warning = append(warning, doesNotAnswer(check.Name))
		}
	}
	warning = append(warning, f.unread()...)
	for _, rule := range rules {
		switch v := rule.figure(f); {
		case rule.critical > 0 && v > rule.critical:
			critical = append(critical, rule.says(v))
		case v > rule.warning:
			warning = append(warning, rule.says(v))
		}
	}
	health := health{levelOK, append(append([]string{}, critical...), warning...)}
	switch {
	case len(critical) > 0:
		health.Level = levelCritical
	case len(warning) > 0:
		health.Level = levelWarning
	}
	return health
}

// unread says which figures are missing although their backend passed its
// check: it is too busy to be watched.
func (f figures) unread() (reasons []string) {
	away := func(name string) bool {
		return slices.ContainsFunc(f.away, func(c Check) bool { return c.Name == name })
	}
	if f.overview == nil && !away("postgres") {
		reasons = append(reasons, "Postgres is too slow to be watched: the figures of orders and stock are missing.")
	}
	if f.lag == nil && !away("kafka") {
		reasons = append(reasons, "Kafka is too slow to be watched, or refuses to be: the consumer lag is missing.")
	}
	return reasons
}

func doesNotAnswer(name string) string {
	switch name {
	case "postgres":
		return "Postgres does not answer: no order can be accepted."
	case "redis":
		return "Redis does not answer: no order can be accepted."
	case "kafka":
		return "Kafka does not answer: orders are accepted and wait in the outbox."
	case "temporal":
		return "Temporal does not answer: orders are accepted and wait to be processed."
	}
	return "The " + name + " of the process that answers is not at work yet, or no more."
}
