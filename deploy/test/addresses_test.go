package deploy

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ofImages are the ports that images listen on without being told.
var ofImages = map[string][]string{
	"postgres": {"5432"}, "redis": {"6379"}, "temporal": {"7233"}, "temporal-ui": {"8080"}, "prometheus": {"9090"}, "grafana": {"3000"},
}

// port is the number at the end of an address.
var port = regexp.MustCompile(`:(\d+)\b`)

// listens are the ports of a service of compose.yaml inside its container, by
// the configuration that it is given there.
func listens(t *testing.T, c composeFile, service string) (all []string) {
	t.Helper()
	told := ""
	environment, _ := c.Services[service].Environment.(map[string]any)
	switch service {
	case "api", "worker":
		told = fmt.Sprint(variables(t)["HTTP_ADDR"], " ", environment["METRICS_ADDR"])
	case "kafka":
		told = fmt.Sprint(environment["KAFKA_LISTENERS"])
	case "otel-collector":
		told = endpoints(read[collector](t, readFile(t, "../compose/otel-collector.yaml")).Receivers)
	case "tempo":
		stored := read[tempo](t, readFile(t, "../compose/tempo.yaml"))
		told = fmt.Sprintf("%s :%d", endpoints(stored.Distributor.Receivers), stored.Server.Port)
	default:
		return ofImages[service]
	}
	for _, found := range port.FindAllStringSubmatch(told, -1) {
		all = append(all, found[1])
	}
	return all
}

func endpoints(of map[string]receiver) (all string) {
	for _, r := range of {
		for _, protocol := range r.Protocols {
			all += " " + protocol.Endpoint
		}
	}
	return all
}

func TestComposePublishesPortsThatSomethingListensOn(t *testing.T) {
	c, taken := compose(t), map[string]string{}
	for name, service := range c.Services {
		for _, published := range service.Ports {
			parts := strings.Split(published, ":")
			if len(parts) != 3 || parts[0] != "127.0.0.1" {
				t.Errorf("%s publishes %s, which is not on loopback", name, published)
				continue
			}
			if other, twice := taken[parts[1]]; twice {
				t.Errorf("%s and %s publish the port %s", name, other, parts[1])
			}
			taken[parts[1]] = name
			if !slices.Contains(listens(t, c, name), parts[2]) {
				t.Errorf("%s publishes %s and listens on %v", name, parts[2], listens(t, c, name))
			}
		}
	}
	if len(taken) < 10 {
		t.Errorf("%d ports", len(taken))
	}
}

// Every host:port of compose.yaml and of what it mounts, its comments among
// them, leads to a service of it, or from this machine to a port that one
// publishes.
func TestComposeNamesAddressesThatLeadSomewhere(t *testing.T) {
	c := compose(t)
	files, err := filepath.Glob("../compose/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	var published []string
	for _, service := range c.Services {
		for _, p := range service.Ports {
			published = append(published, strings.Split(p, ":")[1])
		}
	}
	seen := map[string]bool{}
	for _, file := range append(files, "../../compose.yaml") {
		text := strings.ReplaceAll(readFile(t, file), "1@localhost:9093", "") // Kafka's controller, for itself
		for _, address := range regexp.MustCompile(`\b([a-z][a-z-]*):(\d{4,5})\b`).FindAllStringSubmatch(text, -1) {
			host, number := address[1], address[2]
			seen[host] = true
			if host == "localhost" && !slices.Contains(published, number) || host != "localhost" && !slices.Contains(listens(t, c, host), number) {
				t.Errorf("%s: nothing listens on %s", file, address[0])
			}
		}
	}
	for _, host := range []string{"postgres", "redis", "kafka", "temporal", "prometheus", "tempo", "otel-collector", "api", "worker"} {
		if !seen[host] {
			t.Errorf("nobody asks %s, only %v are", host, slices.Sorted(maps.Keys(seen)))
		}
	}
}

// variables are those of docs/configuration.md, which is made of what the
// service reads, with their defaults; a secret may be a file.
func variables(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	rows := regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| ([a-z ]+)(?:, …)? \\| (?:`(.*?)`)? \\|")
	for _, row := range rows.FindAllStringSubmatch(readFile(t, "../../docs/configuration.md"), -1) {
		all[row[1]] = row[3]
		if row[2] == "secret" {
			all[row[1]+"_FILE"] = ""
		}
	}
	for _, recipe := range recipes(t, "../../docs/tracing.md") {
		maps.Copy(all, recipe)
	}
	if len(all) < 80 {
		t.Fatalf("%d variables", len(all))
	}
	return all
}

func TestTheServiceReadsEveryVariableThatItIsGiven(t *testing.T) {
	read, given := variables(t), map[string][]string{}
	for _, role := range []string{"api", "worker"} {
		environment, _ := compose(t).Services[role].Environment.(map[string]any)
		given["compose.yaml"] = slices.AppendSeq(given["compose.yaml"], maps.Keys(environment))
	}
	for name, values := range valueSets {
		for _, pod := range pods(t, values) {
			for _, v := range pod.Spec.Containers[0].Env {
				given["the chart, "+name] = append(given["the chart, "+name], v.Name)
			}
		}
	}
	for _, page := range []string{"identity", "managed"} {
		for _, recipe := range recipes(t, "../../docs/"+page+".md") {
			given[page] = slices.AppendSeq(given[page], maps.Keys(recipe))
		}
	}
	for where, names := range given {
		if len(names) < 4 {
			t.Errorf("%s gives only %v", where, names)
		}
		for _, name := range names {
			if _, is := read[name]; !is {
				t.Errorf("%s gives %s, which nobody reads", where, name)
			}
		}
	}
}
