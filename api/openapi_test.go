package api

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestDescriptionNamesExactlyTheRoutesThereAre(t *testing.T) {
	s := serve(t, newShop())
	page := map[string]bool{"/": true, "/app.js": true, "/style.css": true, "/icon.svg": true} // not part of the API

	var served []string
	for _, route := range s.app.GetRoutes(true) {
		if route.Method != "HEAD" && !page[route.Path] {
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
