package verify

import (
	"encoding/json"
	"fmt"
	"strings"

	"order-service/order"
)

// maxListed bounds the findings and the notices in a report's text form. Its
// JSON form has all of them.
const maxListed = 50

// Report is the outcome of Run.
type Report struct {
	OK       bool            `json:"ok"` // no findings, and all was read
	Checked  Checked         `json:"checked"`
	Findings []order.Finding `json:"findings"` // violations, by invariant and subject
	Notices  []order.Finding `json:"notices"`  // nothing violated, but worth a person's look
	Unread   []order.Finding `json:"unread"`   // parts that could not be read, and why: there is no verdict on their invariants
}

// Checked counts what a verdict rests on.
type Checked struct {
	Orders    int64 `json:"orders"`
	Payments  int64 `json:"payments"`
	Products  int   `json:"products"`
	Workflows int   `json:"workflows"` // of orders that were open
}

func newReport(r Report) Report {
	sortFindings(r.Findings)
	sortFindings(r.Notices)
	r.OK = len(r.Findings)+len(r.Unread) == 0
	return r
}

// MarshalJSON writes empty lists as [], never as null.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report
	r.Findings = append([]order.Finding{}, r.Findings...)
	r.Notices = append([]order.Finding{}, r.Notices...)
	r.Unread = append([]order.Finding{}, r.Unread...)
	return json.Marshal(plain(r))
}

// String is the report for a terminal: a line for each invariant, then what
// was found, each list cut off where it gets too long to read.
func (r Report) String() string {
	var b strings.Builder
	for _, line := range []struct{ invariant, claim, checked string }{
		{"I1", "every order ends in time and has its event and workflow", fmt.Sprintf("%d orders, %d workflows", r.Checked.Orders, r.Checked.Workflows)},
		{"I2", "units add up and the gate agrees", fmt.Sprintf("%d products", r.Checked.Products)},
		{"I3", "every payment is applied or refunded once", fmt.Sprintf("%d payments", r.Checked.Payments)},
		{"I4", "a final status stays and seqs have no gap", fmt.Sprintf("%d orders", r.Checked.Orders)},
	} {
		fmt.Fprintf(&b, "%s %-4s  %s (%s%s)\n", line.invariant, r.verdict(line.invariant), line.claim, line.checked, r.count(line.invariant))
	}
	list(&b, "Findings", r.Findings)
	list(&b, "Notices", r.Notices)
	list(&b, "Not read", r.Unread)
	return b.String()
}

// of counts the findings about an invariant.
func of(invariant string, findings []order.Finding) (n int) {
	for _, f := range findings {
		if f.Invariant == invariant {
			n++
		}
	}
	return n
}

func (r Report) verdict(invariant string) string {
	switch {
	case of(invariant, r.Findings) > 0:
		return "FAIL"
	case of(invariant, r.Unread) > 0:
		return "?"
	}
	return "ok"
}

func (r Report) count(invariant string) string {
	switch n := of(invariant, r.Findings); n {
	case 0:
		return ""
	case 1:
		return ", 1 finding"
	default:
		return fmt.Sprintf(", %d findings", n)
	}
}

func list(b *strings.Builder, title string, findings []order.Finding) {
	if len(findings) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, f := range findings[:min(len(findings), maxListed)] {
		fmt.Fprintf(b, "  %s  %s: %s\n", f.Invariant, f.Subject, f.Detail)
	}
	if more := len(findings) - maxListed; more > 0 {
		fmt.Fprintf(b, "  … and %d more\n", more)
	}
}
