package deploy

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dashboardFiles are the texts of the dashboards by their names.
func dashboardFiles(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../dashboards/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	files := map[string]string{}
	for _, path := range paths {
		files[strings.TrimSuffix(filepath.Base(path), ".json")] = readFile(t, path)
	}
	return files
}

// dashboard is what the tests look at.
type dashboard struct {
	UID         string   `json:"uid"`
	Title       string   `json:"title"`
	Tags        []string `json:"tags"`
	Panels      []panel  `json:"panels"`
	Annotations struct {
		List []struct{ Expr string } `json:"list"`
	} `json:"annotations"`
}

type panel struct {
	ID      int                      `json:"id"`
	Type    string                   `json:"type"`
	Title   string                   `json:"title"`
	Panels  []panel                  `json:"panels"`
	GridPos struct{ H, W, X, Y int } `json:"gridPos"`
	Targets []struct {
		Expr       string               `json:"expr"`
		Exemplar   bool                 `json:"exemplar"`
		Datasource struct{ UID string } `json:"datasource"`
	} `json:"targets"`
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	all := map[string]dashboard{}
	for name, text := range dashboardFiles(t) {
		var d dashboard
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = d
	}
	return all
}

// query is a panel's, with Grafana's variables as they may be.
func query(expr string) string {
	return strings.NewReplacer("$__rate_interval", "1m", "$job", "order-service").Replace(expr)
}

func TestDashboardsAskForMetricsThatThereAre(t *testing.T) {
	names := exported(t)
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			if p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("%s: %q asks for nothing", file, p.Title)
			}
			for _, target := range p.Targets {
				for _, name := range unknown(t, query(target.Expr), names) {
					t.Errorf("%s: %q asks for %s, which nobody exports", file, p.Title, name)
				}
				if target.Datasource.UID != "${datasource}" || !strings.Contains(target.Expr, `job=~"$job"`) {
					t.Errorf("%s: %q does not leave the data source and the installation to who looks", file, p.Title)
				}
			}
		}
		for _, a := range d.Annotations.List {
			_ = unknown(t, query(a.Expr), names)
		}
	}
}

func TestDashboardsAreLaidOut(t *testing.T) {
	uids := map[string]string{}
	for file, d := range dashboards(t) {
		if other, twice := uids[d.UID]; twice || d.UID != "order-service-"+file {
			t.Errorf("%s has the uid %s, as %s", file, d.UID, other)
		}
		uids[d.UID] = file
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.ID == 0 || len(p.Panels) > 0 {
				t.Errorf("%s: %q has the id %d", file, p.Title, p.ID)
			}
			ids[p.ID] = true
			for y := range p.GridPos.H {
				for x := range p.GridPos.W {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if other, overlaps := taken[at]; overlaps || at[0] >= 24 {
						t.Fatalf("%s: %q overlaps %q", file, p.Title, other)
					}
					taken[at] = p.Title
				}
			}
		}
	}
}

// An order that took long is found by its dot beside the line of p99: the
// dashboard asks for it, Prometheus keeps it, and Grafana knows where it leads.
func TestADotOnTheDashboardLeadsToItsTrace(t *testing.T) {
	var asking []string
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if target.Exemplar && strings.Contains(target.Expr, "0.99") && strings.Contains(target.Expr, "intake_duration") {
					asking = append(asking, p.Title)
				}
			}
		}
	}
	if !slices.Equal(asking, []string{"Time to a 202"}) {
		t.Errorf("exemplars are asked for by %q", asking)
	}
	command, _ := compose(t).Services["prometheus"].Command.([]any)
	if !slices.Contains(command, any("--enable-feature=exemplar-storage")) {
		t.Errorf("Prometheus keeps no exemplars: %q", command)
	}
	kinds := map[string]string{}
	for _, source := range provisioned(t) {
		kinds[source.UID] = source.Type
	}
	for _, source := range provisioned(t) {
		to := source.JSONData.ExemplarTraceIDDestinations
		if source.Type == "prometheus" && (len(to) != 1 || to[0].Name != "trace_id" || kinds[to[0].DatasourceUID] != "tempo") {
			t.Errorf("the exemplars of %s lead to %+v", source.UID, to)
		}
	}
}
