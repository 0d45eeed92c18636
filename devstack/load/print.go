package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxListed bounds the findings in a report's text form; order-service --verify
// and the JSON form have all of them.
const maxListed = 5

func (r report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	_, err := io.WriteString(out, r.String())
	return err
}

// String is the report for a terminal.
func (r report) String() string {
	var b strings.Builder
	for i, l := range r.Lanes {
		if i == 0 || r.Crowd == nil { // one wave is like the other
			l.write(&b)
		}
	}
	if r.Interrupted {
		b.WriteString("\ninterrupted: not everything was sent\n")
	}
	r.Audience.write(&b)
	r.Waiting.write(&b)
	r.Overload.write(&b)
	r.Crowd.write(&b)
	r.Verdict.write(&b)
	for _, why := range r.Void {
		fmt.Fprintf(&b, "VOID     %s\n", why)
	}
	return b.String()
}

func (a *audienceReport) write(b *strings.Builder) {
	if a == nil || a.Asked == 0 {
		return
	}
	fmt.Fprintf(b, "\nstreams: %d of %d opened, %d broke\n\n", a.Opened, a.Asked*(1+a.Storms), a.Broken)
	writeHead(b, "ms")
	a.Snapshot.write(b, "until the snapshot")
	a.Changes.write(b, "until a change was seen")
	for _, reason := range slices.Sorted(maps.Keys(a.Refused)) {
		fmt.Fprintf(b, "  %-28s %10d\n", reason, a.Refused[reason])
	}
}

func (w *waitReport) write(b *strings.Builder) {
	if w == nil {
		return
	}
	fmt.Fprintf(b, "\nfrom Buy to the payment link, one buyer at a time; %d orders never had one\n\n", w.Without)
	writeHead(b, "ms")
	w.Link.write(b, "until the link was seen")
}

func (o *overload) write(b *strings.Builder) {
	if o != nil {
		fmt.Fprintf(b, "\noverload: at %.1f times the capacity of %.0f/s, %.0f %% of it was accepted with p99 %.1f ms, the rest refused with p99 %.1f ms\n",
			o.Factor, o.Capacity, 100*o.Share, o.AcceptedP99, o.RefusedP99)
	}
}

func (c *crowd) write(b *strings.Builder) {
	if c == nil {
		return
	}
	b.WriteString("\n")
	for i, w := range c.Waves {
		fmt.Fprintf(b, "  wave %-2d  %7d pressed  %7d bought  %7d sold out  %7d refused  %7d come back\n",
			i+1, w.Pressed, w.Bought, w.SoldOut, w.Refused, w.Back)
	}
	fmt.Fprintf(b, "\nof %d buyers %d bought, %d found it sold out, %d were refused for good, %d gave up\n",
		c.Buyers, c.Bought, c.SoldOut, c.Refused, c.GaveUp)
}

func (v verdict) write(b *strings.Builder) {
	b.WriteString("\n")
	if in := v.Intake; in != nil && len(v.Failures) == 0 {
		fmt.Fprintf(b, "ok       nothing lost: each of %d accepted orders has its row, for its buyer, once\n", in.Answered)
		fmt.Fprintf(b, "ok       nothing oversold: %d units of %d\n", in.Units, in.Stock)
	}
	if s := v.System; s != nil && s.OK {
		fmt.Fprintf(b, "ok       order-service --verify: %d orders, %d workflows, %d products\n", s.Checked.Orders, s.Checked.Workflows, s.Checked.Products)
	}
	for _, failure := range v.Failures {
		fmt.Fprintf(b, "FAILED   %s\n", failure)
	}
	if s := v.System; s != nil {
		for _, f := range s.Findings[:min(len(s.Findings), maxListed)] {
			fmt.Fprintf(b, "         %s  %s: %s\n", f.Invariant, f.Subject, f.Detail)
		}
	}
	for _, what := range v.Skipped {
		fmt.Fprintf(b, "skipped  %s\n", what)
	}
}

func (r laneReport) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s: offered %.0f/s, accepted %.0f/s, %.1f s, %s loop on %d connections, %d opened anew\n\n",
		r.Name, r.Offered, r.Accepted, r.Seconds, r.Loop, r.Connections, r.Dialled-min(r.Dialled, uint64(r.Connections)))
	writeHead(b, "ms since due")
	r.Acceptances.write(b, "accepted")
	r.Refusals.write(b, "refused")
	for _, o := range r.Outcomes {
		o.write(b, "  "+nameOf(o.Status, o.Code))
	}
	if r.Lag.Count > 0 {
		r.SinceSent.write(b, "all, since they were sent")
		r.Lag.write(b, "lag of the tool itself")
	}
}

func writeHead(b *strings.Builder, unit string) {
	fmt.Fprintf(b, "  %-28s %10s %9s %9s %9s %9s %9s\n", unit, "count", "p50", "p90", "p99", "p99.9", "max")
}

// nameOf is an outcome's: its status and code, or how the connection broke.
func nameOf(status int, code string) string {
	if status == 0 {
		return code
	}
	return strings.TrimSpace(fmt.Sprint(status, " ", code))
}

func (s spread) write(b *strings.Builder, name string) {
	if s.Count > 0 {
		fmt.Fprintf(b, "  %-28s %10d %9.2f %9.2f %9.2f %9.2f %9.2f\n", name, s.Count, s.P50, s.P90, s.P99, s.P999, s.Max)
	}
}
