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
	"github.com/santhosh-tekuri/jsonschema/v6"
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
		Ports       []string `json:"ports"`
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

// composeSchemas are those of Docker Compose 2.23.3 and of a recent one. That of
// 2.23.1, the oldest that compose.yaml promises to work with, differs from the
// first in what a network's mac_address and develop are, which are not used.
var composeSchemas = []string{"github.com/compose-spec/compose-go@v1.20.2", "github.com/compose-spec/compose-go/v2@v2.16.2"}

func TestComposeTakesTheFile(t *testing.T) {
	file, err := yaml.YAMLToJSONStrict([]byte(readFile(t, "../../compose.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range composeSchemas {
		const location = "/schema/compose-spec.json"
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(location, parsed(t, readFile(t, module(t, name)+location))); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile(location)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(parsed(t, string(file))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		misspelt := strings.Replace(string(file), `"healthcheck"`, `"heathcheck"`, 1)
		if err := schema.Validate(parsed(t, misspelt)); err == nil {
			t.Errorf("%s takes anything", name)
		}
	}
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
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
