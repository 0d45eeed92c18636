package api

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	webhook "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.yaml.in/yaml/v3"
)

func TestDescriptionNamesExactlyTheRoutesThereAre(t *testing.T) {
	s := serve(t, newShop())
	// Pages and their files, each under its own path, are no part of the API.
	page := func(path string) bool {
		_, err := fs.Stat(files, "web"+path)
		_, packed := fs.Stat(files, "web"+path+".gz")
		return err == nil || packed == nil || path == "/" || strings.HasPrefix(path, "/board") && path != "/board/events" || path == "/docs"
	}

	var served []string
	for _, route := range s.app.GetRoutes(true) {
		if route.Method != "HEAD" && !page(route.Path) {
			served = append(served, route.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(route.Path, "{$1}"))
		}
	}
	var description struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := yaml.Unmarshal(s.call("GET", "/openapi.yaml", "").ok(t).body, &description); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, operations := range description.Paths {
		for method := range maps.Keys(operations) {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !strings.HasPrefix(description.OpenAPI, "3.1") || !slices.Equal(served, described) {
		t.Errorf("OpenAPI %s\nserved    %q\ndescribed %q", description.OpenAPI, served, described)
	}
}

// problemsOf is what the description says of problems.
type problemsOf struct {
	Info struct {
		Description string
	}
	Components struct {
		Examples map[string]struct{ Value problem }
	}
}

// described parses openapi.yaml into what the caller wants of it.
func described[T any](t *testing.T) (d T) {
	t.Helper()
	content, _ := embedded("openapi.yaml")
	if err := yaml.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDescriptionExplainsEveryProblemThereIs(t *testing.T) {
	var served, explained []string
	for code, k := range kinds {
		served = append(served, fmt.Sprintf("| `%s` | %d |", code, k.status))
	}
	for _, row := range strings.Split(described[problemsOf](t).Info.Description, "\n") {
		explained = append(explained, regexp.MustCompile("^\\| `[a-z-]+` \\| [1-5][0-9]{2} \\|").FindAllString(row, 1)...)
	}
	slices.Sort(served)
	slices.Sort(explained)
	if !slices.Equal(served, explained) {
		t.Errorf("served    %q\nexplained %q", served, explained)
	}
}

func TestDescriptionHasATrueExampleOfEveryProblem(t *testing.T) {
	examples := described[problemsOf](t).Components.Examples
	for code, k := range kinds {
		got := examples[string(code)].Value
		if got.Code != code || got.Type != "/problems/"+string(code) || got.Status != k.status || got.Title != k.title || got.Detail == "" {
			t.Errorf("the example of %s is %+v, the service's is %+v", code, got, k)
		}
	}
	if len(examples) != len(kinds) {
		t.Errorf("%d examples of %d problems", len(examples), len(kinds))
	}
}

func TestEveryProblemIsAnAnswerOfSomeRequest(t *testing.T) {
	content, _ := embedded("openapi.yaml")
	for code := range kinds {
		if !bytes.Contains(content, []byte(string(code)+": { $ref: '#/components/examples/"+string(code)+"' }")) {
			t.Errorf("no response names %s", code)
		}
	}
}

// The example is for people who write a provider: it has to be right to the byte.
func TestDescriptionsSigningExampleIsRight(t *testing.T) {
	text := described[problemsOf](t).Info.Description
	find := func(pattern string) string {
		found := regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("the description has no %s", pattern)
		}
		return found[1]
	}
	wh, err := webhook.NewWebhook(find("^SECRET=(.+)$"))
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseInt(find("^TIMESTAMP=([0-9]+)$"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	want, err := wh.Sign(find("^ID=(.+)$"), time.Unix(seconds, 0), []byte(find("^BODY='(.+)'$")))
	if got := find("^# (v1,.+)$"); err != nil || got != want {
		t.Errorf("the example says %s, the library %s, %v", got, want, err)
	}
}
