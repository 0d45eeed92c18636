package deploy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
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
	s := newRecorded(t)
	s.watch(saleLasts)
	missing := s.missing()
	for more := 0; more < 6 && len(missing) > 0; more++ { // a busy machine's sale takes longer to come to all its ends
		s.watch(saleLasts / 2)
		missing = s.missing()
	}
	for _, what := range missing {
		t.Error(what)
	}
}

// missing says of which queries nothing was found.
func (r *recorded) missing() (all []string) {
	r.t.Helper()
	for file, d := range dashboards(r.t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if found := r.ask(query(target.Expr)); found == 0 && !troubleOnly(target.Expr) {
					all = append(all, fmt.Sprintf("%s: %q finds nothing by %s", file, p.Title, target.Expr))
				}
			}
		}
	}
	for name, rule := range alertRules(r.t) {
		_ = r.ask(rule.Expr)
		for _, selector := range selectors(r.t, rule.Expr) {
			if found := r.ask(selector); found == 0 && !troubleOnly(selector) && !slices.Contains(notInASale, selector) {
				all = append(all, fmt.Sprintf("%s looks at %s, and there is none", name, selector))
			}
		}
	}
	return all
}

// notInASale is what a simulated sale does not have: jobs of one role, for its roles
// are one, and an identity provider, for its tokens are signed with a secret. The
// cases of promtool have both.
var notInASale = []string{"order_service:part_job", `order_service_check{check="token keys"}`}

// troubleOnly are what is not there until something went wrong: the Temporal
// SDK's counters have no zero, nor has a status or result that never was.
func troubleOnly(expr string) bool {
	return strings.Contains(expr, "_failed_total") || strings.Contains(expr, "temporal_request_failure_total") ||
		strings.Contains(expr, `status=~"5.."`) || strings.Contains(expr, `status=~"4.."`) ||
		strings.Contains(expr, `result!="done"`) || strings.Contains(expr, `result="refused"`)
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
	metrics string // URL
	engine  *promql.Engine
	seen    scrapes
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

// newRecorded begins a sale, by devstack.
func newRecorded(t *testing.T) *recorded {
	t.Helper()
	return &recorded{t: t, metrics: startSale(t), engine: promqltest.NewTestEngine(t, false, 0, 10_000_000)}
}

// watch scrapes the sale for a while.
func (r *recorded) watch(while time.Duration) {
	r.t.Helper()
	for end := time.Now().Add(while); time.Now().Before(end); time.Sleep(scrapeEvery) {
		r.seen.add(scrape(r.metrics))
	}
	if len(r.seen.values) < 100 {
		r.t.Fatalf("%d series after %v", len(r.seen.values), while)
	}
	r.samples = promqltest.LoadedStorage(r.t, r.seen.load())
	r.end = time.Unix(0, 0).Add(time.Duration(r.seen.n) * scrapeStep)
	r.record()
}

// record evaluates the recording rules, as Prometheus does between scrapes.
func (r *recorded) record() {
	r.t.Helper()
	for _, group := range rules(r.t).Groups {
		for _, rule := range group.Rules {
			if rule.Record == "" {
				continue
			}
			for _, series := range r.matrix(rule.Expr) {
				key := rule.Record + series.Metric.String()
				for _, p := range series.Floats {
					r.seen.set(key, int(p.T/scrapeStep.Milliseconds()), p.F)
				}
			}
		}
	}
	r.samples = promqltest.LoadedStorage(r.t, r.seen.load())
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

// freeAddr has a port below those that Linux gives whoever asks for any: devstack's
// servers are started before the service is.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			defer l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}
