package deploy

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/prometheus/common/model"
	"sigs.k8s.io/yaml"
)

const (
	rulesFile = "../alerts/rules.yaml"
	runbooks  = "../../docs/runbooks"
	reference = "../../docs/metrics.md"
)

// rules are all groups, as Prometheus reads them.
func rules(t *testing.T) *rulefmt.RuleGroups {
	t.Helper()
	groups, errs := rulefmt.ParseFile(rulesFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	return groups
}

// alertRules are the alerts by their names.
func alertRules(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	all := map[string]rulefmt.Rule{}
	for _, group := range rules(t).Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue
			}
			if _, twice := all[rule.Alert]; twice {
				t.Errorf("two alerts are called %s", rule.Alert)
			}
			all[rule.Alert] = rule
		}
	}
	return all
}

// exported are the names of docs/metrics.md, which is made of what the service
// registers: those of a histogram as its series are called.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	text := readFile(t, reference)
	names := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|").FindAllStringSubmatch(text, -1) {
		if row[2] != "histogram" {
			names[row[1]] = true
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			names[row[1]+suffix] = true
		}
	}
	for _, sdk := range regexp.MustCompile("`(temporal_[a-z_]+)`").FindAllStringSubmatch(text, -1) {
		names[strings.Replace(sdk[1], "_seconds", "_seconds_bucket", 1)] = true
	}
	for _, group := range rules(t).Groups {
		for _, rule := range group.Rules {
			names[rule.Record] = true
		}
	}
	return names
}

// unknown are the metrics of a query that nobody exports.
func unknown(t *testing.T, query string, names map[string]bool) (missing []string) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%v in\n%s", err, query)
		return nil
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok && !known(metricOf(selector), names) {
			missing = append(missing, metricOf(selector))
		}
		return nil
	})
	return missing
}

func metricOf(selector *parser.VectorSelector) string {
	for _, m := range selector.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			return m.Value
		}
	}
	return selector.Name
}

// known takes what Prometheus' libraries and Prometheus itself add for granted.
func known(name string, names map[string]bool) bool {
	return names[name] || name == "ALERTS" || strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_")
}

func TestRulesAskForMetricsThatThereAre(t *testing.T) {
	names := exported(t)
	if len(names) < 50 {
		t.Fatalf("%d metrics in %s", len(names), reference)
	}
	for _, group := range rules(t).Groups {
		for _, rule := range group.Rules {
			for _, name := range unknown(t, rule.Expr, names) {
				t.Errorf("%s%s asks for %s, which nobody exports", rule.Alert, rule.Record, name)
			}
		}
	}
}

// A Prometheus may see several installations, and the health of one must not
// hide the trouble of another. absent() speaks of all at once, so it is left to
// the alert that has another word for each.
func TestEveryAlertTellsInstallationsApart(t *testing.T) {
	for name, rule := range alertRules(t) {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			switch n := node.(type) {
			case *parser.AggregateExpr:
				if n.Without || !slices.Contains(n.Grouping, "namespace") || !slices.Contains(n.Grouping, "job") {
					t.Errorf("%s adds installations up: %s", name, n)
				}
			case *parser.Call:
				if strings.HasPrefix(n.Func.Name, "absent") && name != "MetricsAbsent" {
					t.Errorf("%s asks whether all are absent: %s", name, n)
				}
			}
			return nil
		})
	}
}

func TestEveryAlertSaysWhoseItIsAndWhatToDo(t *testing.T) {
	// One or the other, or one by a label and else the other.
	severity := regexp.MustCompile(`^(critical|warning|\{\{ if eq \$labels\.\w+ "\w+" \}\}critical\{\{ else \}\}warning\{\{ end \}\})$`)
	for name, rule := range alertRules(t) {
		if s := rule.Labels["severity"]; !severity.MatchString(s) {
			t.Errorf("%s is %q", name, s)
		}
		if rule.Labels["service"] != "order-service" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s says too little: %v %v", name, rule.Labels, rule.Annotations)
		}
		if want := "docs/runbooks/" + name + ".md"; rule.Annotations["runbook_url"] != want {
			t.Errorf("%s leads to %s", name, rule.Annotations["runbook_url"])
		}
	}
}

// A page says what it means, what the buyer sees, what to look at, what to do,
// and how to know that it is over.
func TestEveryAlertHasARunbook(t *testing.T) {
	alerts := alertRules(t)
	list := readFile(t, filepath.Join(runbooks, "README.md"))
	for name, rule := range alerts {
		severity, _, _ := strings.Cut(rule.Labels["severity"], "{{") // what depends is in words there
		if row := "| [" + name + "](" + name + ".md) | " + severity; !strings.Contains(list, row) {
			t.Errorf("no row begins with %s", row)
		}
		page := readFile(t, filepath.Join(runbooks, name+".md"))
		if !strings.HasPrefix(page, "# "+name+"\n") {
			t.Errorf("%s.md has another title", name)
		}
		for _, section := range []string{"## What it means", "## What the buyer sees", "## What to look at", "## What to do", "## How to know that it is over"} {
			if !strings.Contains(page, section+"\n") {
				t.Errorf("%s.md lacks %q", name, section)
			}
		}
	}
	pages, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if _, known := alerts[name]; !known && name != "README" {
			t.Errorf("%s is about no alert", page)
		}
	}
}

// Queries that a runbook tells one to ask Prometheus are in blocks of their own.
func TestRunbooksAskForMetricsThatThereAre(t *testing.T) {
	names := exported(t)
	pages, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(readFile(t, page), -1) {
			for query := range strings.SplitSeq(strings.TrimSpace(block[1]), "\n") {
				for _, name := range unknown(t, query, names) {
					t.Errorf("%s asks for %s, which nobody exports", filepath.Base(page), name)
				}
			}
		}
	}
}

// Both roles register the same counters, so that one who asks the wrong role reads
// 0 and believes it.
func TestRunbooksAskTheRoleThatCounts(t *testing.T) {
	workers := regexp.MustCompile(`dead_letters|saga_|temporal_num_pollers|temporal_workflow`)
	apis := regexp.MustCompile(`intake_|http_request|stray_reports|relay_|sse_|tail_`)
	pages, err := filepath.Glob(filepath.Join(runbooks, "[A-Z]*.md"))
	if err != nil {
		t.Fatal(err)
	}
	asked := map[bool]int{}
	for _, page := range pages {
		for _, command := range regexp.MustCompile(`(?m)^curl .*METRICS".*$`).FindAllString(readFile(t, page), -1) {
			worker := strings.Contains(command, `"$WORKER_METRICS"`)
			asked[worker]++
			if wrong := map[bool]*regexp.Regexp{true: apis, false: workers}[worker].FindString(command); wrong != "" {
				t.Errorf("%s asks the wrong role for %s…: %s", filepath.Base(page), wrong, command)
			}
		}
	}
	if asked[true] < 5 || asked[false] < 10 {
		t.Errorf("%d commands ask workers, and %d apis", asked[true], asked[false])
	}
}

// Every alert must have a case in which it fires and a later look finds it over.
func TestEveryAlertFiresAndClears(t *testing.T) {
	files := []string{"../alerts/rules_test.yaml", "../alerts/budget_test.yaml"}
	cases := slices.Concat(alertCases(t, files[0]), alertCases(t, files[1]))
	for name := range alertRules(t) {
		if !slices.ContainsFunc(cases, func(c alertCase) bool { return c.firesAndClears(name) }) {
			t.Errorf("no case makes %s fire and clear", name)
		}
	}
	promtool(t, append([]string{"test", "rules"}, files...)...)
	promtool(t, "check", "rules", rulesFile)
}

// alertCase is what the tests look at of one of promtool's cases.
type alertCase struct {
	Name  string `json:"name"`
	Looks []look `json:"promql_expr_test"`
}

// look is a time of a case, and the alerts that promtool has to see then.
type look struct {
	Expr    string         `json:"expr"`
	Time    model.Duration `json:"eval_time"`
	Samples []struct {
		Labels string  `json:"labels"`
		Value  float64 `json:"value"`
	} `json:"exp_samples"`
}

func alertCases(t *testing.T, file string) []alertCase {
	t.Helper()
	var read struct {
		Tests []alertCase `json:"tests"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, file)), &read); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return read.Tests
}

// firesAndClears asks for the same question at both times: another could leave
// the alert out.
func (c alertCase) firesAndClears(alert string) bool {
	if c.Name != alert && !strings.HasPrefix(c.Name, alert+",") {
		return false
	}
	for _, during := range c.Looks {
		for _, after := range c.Looks {
			if during.fires(alert) && !after.fires(alert) && after.Time > during.Time && after.Expr == during.Expr {
				return true
			}
		}
	}
	return false
}

func (l look) fires(alert string) bool {
	for _, sample := range l.Samples {
		if strings.Contains(sample.Labels, `alertname="`+alert+`"`) && sample.Value > 0 {
			return true
		}
	}
	return false
}

// promtool runs Prometheus' own tool, which is a tool of this module, without
// the service discoveries that make up most of its compilation.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	run := exec.Command("go", slices.Concat([]string{"run", "-tags", "remove_all_sd", "github.com/prometheus/prometheus/cmd/promtool"}, args)...)
	run.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
