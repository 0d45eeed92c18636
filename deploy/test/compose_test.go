package deploy

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/config"
	"sigs.k8s.io/yaml"
)

// composeFile is what the tests look at.
type composeFile struct {
	Services map[string]struct {
		Profiles    []string `json:"profiles"`
		Volumes     []string `json:"volumes"`
		Tmpfs       []string `json:"tmpfs"`
		Command     any      `json:"command"`
		Environment any      `json:"environment"`
	} `json:"services"`
	Volumes map[string]any `json:"volumes"`
}

func compose(t *testing.T) (c composeFile) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, "../../compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeMountsWhatThereIs(t *testing.T) {
	var mounted int
	for name, service := range compose(t).Services {
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(source, "./") {
				continue
			}
			mounted++
			if _, err := os.Stat(filepath.Join("../..", source)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !strings.HasSuffix(volume, ":ro") {
				t.Errorf("%s may write to %s", name, source)
			}
		}
	}
	if mounted < 5 {
		t.Errorf("%d files are mounted", mounted)
	}
}

func TestComposeKeepsTracesOnADisk(t *testing.T) {
	c := compose(t)
	tempo := c.Services["tempo"]
	if len(tempo.Tmpfs) > 0 || !slices.Contains(tempo.Volumes, "tempo:/var/tempo") {
		t.Errorf("Tempo writes to %v, and to %v in memory", tempo.Volumes, tempo.Tmpfs)
	}
	if _, there := c.Volumes["tempo"]; !there {
		t.Error("Tempo's volume is not there")
	}
	for _, path := range regexp.MustCompile(`path: ([^}\s]+)`).FindAllStringSubmatch(readFile(t, "../compose/tempo.yaml"), -1) {
		if !strings.HasPrefix(path[1], "/var/tempo/") {
			t.Errorf("Tempo writes to %s", path[1])
		}
	}
}

func TestComposeScrapesTheServiceWhereItShowsItsMetrics(t *testing.T) {
	loaded, err := config.Load(readFile(t, "../compose/prometheus.yaml"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	services := compose(t).Services
	for _, target := range []string{"api", "worker"} {
		environment, _ := services[target].Environment.(map[string]any)
		if environment["METRICS_ADDR"] != ":9091" {
			t.Errorf("%s shows its metrics on %v", target, environment["METRICS_ADDR"])
		}
	}
	if text := loaded.String(); !strings.Contains(text, "api:9091") || !strings.Contains(text, "worker:9091") || !strings.Contains(text, "job_name: order-service") {
		t.Errorf("Prometheus scrapes\n%s", text)
	}
}
