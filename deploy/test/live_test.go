package deploy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
)

const (
	saleLasts   = 60 * time.Second // the drop opens after 20, payments are due later
	scrapeEvery = time.Second
	scrapeStep  = 5 * time.Second // what Prometheus is told that was: a rate needs a few scrapes
)

// Every query of every dashboard and alert is asked of what a simulated sale
// shows on /metrics, by Prometheus' engine. A panel without data is one that
// somebody believes in.
func TestEveryQueryFindsDataInASale(t *testing.T) {
	s := watchASale(t)
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if found := s.ask(query(target.Expr)); found == 0 && !troubleOnly(target.Expr) {
					t.Errorf("%s: %q finds nothing by %s", file, p.Title, target.Expr)
				}
			}
		}
	}
	for name, rule := range alertRules(t) {
		_ = s.ask(rule.Expr)
		for _, selector := range selectors(t, rule.Expr) {
			if found := s.ask(selector); found == 0 && !troubleOnly(selector) && !slices.Contains(notInASale, selector) {
				t.Errorf("%s looks at %s, and there is none", name, selector)
			}
		}
	}
}

// notInASale is what a simulated sale does not have: jobs of one role, for its roles
// are one, and an identity provider, for its tokens are signed with a secret. The
// cases of promtool have both.
var notInASale = []string{"order_service:part_job", `order_service_check{check="token keys"}`}

// troubleOnly are what is not there until something went wrong: the Temporal
// SDK's counters have no zero, nor has a status or result that never was.
func troubleOnly(expr string) bool {
	return strings.Contains(expr, "_failed_total") || strings.Contains(expr, "temporal_request_failure_total") ||
		strings.Contains(expr, `status=~"5.."`) || strings.Contains(expr, `result!="done"`)
}

// selectors are the parts of an expression that look for series.
func selectors(t *testing.T, expr string) (all []string) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			bare := *selector
			bare.OriginalOffset, bare.Offset = 0, 0
			all = append(all, bare.String())
		}
		return nil
	})
	return all
}

// recorded is a Prometheus that has seen a sale.
type recorded struct {
	t       *testing.T
	engine  *promql.Engine
	samples storage.Queryable
	end     time.Time
}

// ask returns how many series a query finds at any time of the sale.
func (r *recorded) ask(expr string) int {
	r.t.Helper()
	return len(r.matrix(expr))
}

func (r *recorded) matrix(expr string) promql.Matrix {
	r.t.Helper()
	q, err := r.engine.NewRangeQuery(context.Background(), r.samples, nil, expr, time.Unix(0, 0), r.end, scrapeStep)
	if err != nil {
		r.t.Fatalf("%s: %v", expr, err)
	}
	defer q.Close()
	matrix, err := q.Exec(context.Background()).Matrix()
	if err != nil {
		r.t.Fatalf("%s: %v", expr, err)
	}
	found := slices.Clone(matrix) // Close takes the points back
	for i := range found {
		found[i].Floats = slices.Clone(found[i].Floats)
	}
	return found
}

// watchASale plays one with devstack and scrapes it.
func watchASale(t *testing.T) *recorded {
	t.Helper()
	metrics := startSale(t)
	var seen scrapes
	for end := time.Now().Add(saleLasts); time.Now().Before(end); time.Sleep(scrapeEvery) {
		seen.add(scrape(metrics))
	}
	if len(seen.values) < 100 {
		t.Fatalf("%d series after %v", len(seen.values), saleLasts)
	}
	r := &recorded{
		t: t, engine: promqltest.NewTestEngine(t, false, 0, 10_000_000),
		samples: promqltest.LoadedStorage(t, seen.load()), end: time.Unix(0, 0).Add(time.Duration(seen.n) * scrapeStep),
	}
	r.record(&seen)
	return r
}

// record evaluates the recording rules, as Prometheus does between scrapes.
func (r *recorded) record(seen *scrapes) {
	r.t.Helper()
	for _, group := range rules(r.t).Groups {
		for _, rule := range group.Rules {
			if rule.Record == "" {
				continue
			}
			for _, series := range r.matrix(rule.Expr) {
				key := rule.Record + series.Metric.String()
				for _, p := range series.Floats {
					seen.set(key, int(p.T/scrapeStep.Milliseconds()), p.F)
				}
			}
		}
	}
	r.samples = promqltest.LoadedStorage(r.t, seen.load())
}

// scrapes are the values of each series, one for each scrape; NaN where there
// was none.
type scrapes struct {
	n      int
	values map[string][]float64
}

func (s *scrapes) add(text string) {
	for line := range strings.Lines(text) {
		series, value, ok := cutLast(strings.TrimSpace(line))
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(line, "#") {
			s.set(labelled(series), s.n, v)
		}
	}
	s.n++
}

func (s *scrapes) set(series string, at int, v float64) {
	if s.values == nil {
		s.values = map[string][]float64{}
	}
	for len(s.values[series]) < at {
		s.values[series] = append(s.values[series], math.NaN())
	}
	s.values[series] = append(s.values[series][:at], v)
}

func cutLast(line string) (before, after string, ok bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 {
		return "", "", false
	}
	return line[:i], line[i+1:], true
}

// labelled adds what Prometheus adds to every series of a target.
func labelled(series string) string {
	const target = `job="order-service",instance="here"`
	if name, labels, ok := strings.Cut(series, "{"); ok {
		return name + "{" + target + "," + labels
	}
	return series + "{" + target + "}"
}

// load is the scrapes in the language of Prometheus' own tests.
func (s *scrapes) load() string {
	var out strings.Builder
	fmt.Fprintf(&out, "load %v\n", scrapeStep)
	for series, values := range s.values {
		out.WriteString("  " + series)
		for _, v := range values {
			if math.IsNaN(v) {
				out.WriteString(" _")
				continue
			}
			out.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64))
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func scrape(url string) string {
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return "" // not up yet
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// startSale runs make demo's command on addresses of its own and returns where
// the metrics are, once they are there.
func startSale(t *testing.T) (metrics string) {
	t.Helper()
	addr, admin := freeAddr(t), freeAddr(t)
	var log bytes.Buffer
	cmd := exec.Command("bin/devstack", "--demo", "--sale=60", "--", "bin/order-service", "--role=all")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "HTTP_ADDR="+addr, "ADMIN_ADDR=off", "METRICS_ADDR="+admin)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; make build makes it", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("devstack: %v\n%s", err, log.String())
		}
	})
	metrics = "http://" + admin + "/metrics"
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if scrape(metrics) != "" {
			return metrics
		}
	}
	t.Fatal("there are no metrics after a minute")
	return ""
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
