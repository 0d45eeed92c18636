package deploy

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the profile watch of compose.yaml is configured with is decoded
// strictly: a key that is not among these is one that nobody has compared with
// the program that reads it, at the version of compose.yaml.
type (
	collector struct {
		Receivers             map[string]receiver `json:"receivers"`
		Processors, Exporters map[string]any
		Service               struct{ Pipelines map[string]pipeline }
	}
	pipeline struct{ Receivers, Processors, Exporters []string }
	receiver struct {
		Protocols map[string]struct{ Endpoint string }
	}
	tempo struct {
		UsageReport struct {
			Enabled *bool `json:"reporting_enabled"`
		} `json:"usage_report"`
		Server struct {
			Port int `json:"http_listen_port"`
		}
		Distributor struct{ Receivers map[string]receiver }
		Storage     struct {
			Trace struct {
				Backend    string
				Local, WAL struct{ Path string }
			}
		}
		Compactor struct {
			Compaction struct {
				Retention string `json:"block_retention"`
			}
		}
	}
	datasources struct {
		APIVersion  int `json:"apiVersion"`
		Datasources []datasource
	}
	// datasource is one that Grafana is provisioned with.
	datasource struct {
		Name, UID, Type, URL string
		IsDefault            bool `json:"isDefault"`
		JSONData             struct {
			TimeInterval                string `json:"timeInterval"`
			ExemplarTraceIDDestinations []struct {
				Name          string `json:"name"`
				DatasourceUID string `json:"datasourceUid"`
			} `json:"exemplarTraceIdDestinations"`
		} `json:"jsonData"`
	}
	dashboardProviders struct {
		APIVersion int `json:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type string
			Options            struct{ Path string }
		}
	}
)

func provisioned(t *testing.T) []datasource {
	t.Helper()
	d := read[datasources](t, readFile(t, "../compose/grafana-datasources.yaml"))
	if d.APIVersion != 1 {
		t.Errorf("Grafana reads version %d of data sources otherwise", d.APIVersion)
	}
	return d.Datasources
}

// A component that no pipeline names is never started, and one that is named
// and not defined stops the collector.
func TestCollectorDefinesWhatItsPipelinesName(t *testing.T) {
	c := read[collector](t, readFile(t, "../compose/otel-collector.yaml"))
	var named pipeline
	for _, p := range c.Service.Pipelines {
		named.Receivers = append(named.Receivers, p.Receivers...)
		named.Processors = append(named.Processors, p.Processors...)
		named.Exporters = append(named.Exporters, p.Exporters...)
	}
	for kind, both := range map[string][2][]string{
		"receivers":  {slices.Collect(maps.Keys(c.Receivers)), named.Receivers},
		"processors": {slices.Collect(maps.Keys(c.Processors)), named.Processors},
		"exporters":  {slices.Collect(maps.Keys(c.Exporters)), named.Exporters},
	} {
		slices.Sort(both[0])
		slices.Sort(both[1])
		if both[1] = slices.Compact(both[1]); len(both[0]) == 0 || !slices.Equal(both[0], both[1]) {
			t.Errorf("%s: defined are %v, named %v", kind, both[0], both[1])
		}
	}
	if traces := c.Service.Pipelines["traces"].Processors; len(traces) == 0 || traces[0] != "memory_limiter" {
		t.Errorf("memory is limited too late: %v", traces)
	}
}

// A dashboard's variable begins with the default data source of its type.
func TestGrafanaHasOneDefaultSourceAndItIsPrometheus(t *testing.T) {
	uids, defaults := map[string]bool{}, 0
	for _, source := range provisioned(t) {
		if source.UID == "" || uids[source.UID] {
			t.Errorf("the uid %q of %s is another's, too", source.UID, source.Name)
		}
		uids[source.UID] = true
		if source.IsDefault {
			defaults++
			if source.Type != "prometheus" {
				t.Errorf("the dashboards begin with %s", source.Name)
			}
		}
	}
	if defaults != 1 {
		t.Errorf("%d defaults; Grafana takes one", defaults)
	}
}

// What is told to read a file finds it where compose mounts it.
func TestWhatWatchesFindsItsFiles(t *testing.T) {
	c := compose(t)
	mounted := func(service, file string) bool {
		return slices.ContainsFunc(c.Services[service].Volumes, func(volume string) bool {
			parts := strings.Split(volume, ":")
			return file == parts[1] || strings.HasPrefix(file, parts[1]+"/")
		})
	}
	for service, flag := range map[string]string{"prometheus": "--config.file=", "otel-collector": "--config=", "tempo": "-config.file="} {
		command, _ := c.Services[service].Command.([]any)
		if !slices.ContainsFunc(command, func(arg any) bool {
			file, is := strings.CutPrefix(arg.(string), flag)
			return is && mounted(service, file)
		}) {
			t.Errorf("%s reads nothing that is mounted: %v", service, command)
		}
	}
	for _, rules := range regexp.MustCompile(`rule_files: \[(.*)\]`).FindAllStringSubmatch(readFile(t, "../compose/prometheus.yaml"), -1) {
		if !mounted("prometheus", rules[1]) {
			t.Errorf("the rules are not at %s", rules[1])
		}
		_ = readFile(t, "../alerts/"+path.Base(rules[1]))
	}
	providers := read[dashboardProviders](t, readFile(t, "../compose/grafana-dashboards.yaml"))
	if providers.APIVersion != 1 || len(providers.Providers) != 1 || !mounted("grafana", providers.Providers[0].Options.Path) {
		t.Errorf("Grafana finds no dashboards: %+v", providers)
	}
	environment, _ := c.Services["grafana"].Environment.(map[string]any)
	home, _ := environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].(string)
	if !mounted("grafana", home) || path.Dir(home) != providers.Providers[0].Options.Path {
		t.Errorf("it begins with %s", home)
	}
	_ = readFile(t, "../dashboards/"+path.Base(home))
}

// Both report to their vendor unless they are told not to.
func TestWhatWatchesTellsNobody(t *testing.T) {
	if report := read[tempo](t, readFile(t, "../compose/tempo.yaml")).UsageReport.Enabled; report == nil || *report {
		t.Error("Tempo reports its use")
	}
	environment, _ := compose(t).Services["grafana"].Environment.(map[string]any)
	for _, name := range []string{"REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES"} {
		if told := environment["GF_ANALYTICS_"+name]; told != "false" {
			t.Errorf("Grafana is told %q for %s", told, name)
		}
	}
}
