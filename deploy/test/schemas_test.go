package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// jsonSchema is one as JSON decodes it, and what it is made of.
type jsonSchema = map[string]any

// writeSchemas writes a schema for each kind that the chart renders to where
// kubeconform looks for it. They are those of kubeconform's default location,
// made of the same file of Kubernetes' source, with three differences: the
// values of enums are known, null is no value, and the kinds of Prometheus'
// operator are among them.
func writeSchemas(t *testing.T, folder, version string) {
	t.Helper()
	folder = filepath.Join(folder, "v"+version+"-standalone-strict")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	all, rendered := definitions(t, version), renderedKinds(t)
	for name, definition := range all {
		if kind, is := kindOf(definition); is && rendered[kind] {
			writeJSON(t, filepath.Join(folder, schemaFile(kind)), standalone(all, name, kind))
		}
	}
}

// definitions are the types of a Kubernetes and of Prometheus' operator.
func definitions(t *testing.T, version string) map[string]jsonSchema {
	t.Helper()
	source := module(t, "k8s.io/kubernetes@v"+version)
	var swagger struct {
		Definitions map[string]jsonSchema `json:"definitions"`
	}
	if err := json.Unmarshal([]byte(readFile(t, source+"/api/openapi-spec/swagger.json")), &swagger); err != nil {
		t.Fatal(err)
	}
	all := swagger.Definitions
	// Both are strings there, for the sake of older clients.
	all["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = either("string", "integer")
	all["io.k8s.apimachinery.pkg.api.resource.Quantity"] = either("string", "number")
	addEnums(t, source, all)
	addCustomResources(t, all)
	for _, definition := range all {
		closeObjects(definition)
	}
	return all
}

func either(types ...any) jsonSchema { return jsonSchema{"type": types} }

// kindOf is the kind that a definition defines. Options that belong to many
// groups are none.
func kindOf(definition jsonSchema) (kind schema.GroupVersionKind, is bool) {
	kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
	if len(kinds) != 1 {
		return kind, false
	}
	k := kinds[0].(jsonSchema)
	return schema.GroupVersionKind{Group: k["group"].(string), Version: k["version"].(string), Kind: k["kind"].(string)}, true
}

// schemaFile is what kubeconform calls the file of a kind.
func schemaFile(kind schema.GroupVersionKind) string {
	group, _, _ := strings.Cut(kind.Group, ".")
	parts := slices.DeleteFunc([]string{kind.Kind, group, kind.Version}, func(part string) bool { return part == "" })
	return strings.ToLower(strings.Join(parts, "-")) + ".json"
}

// standalone is the schema of a kind with all that it refers to.
func standalone(all map[string]jsonSchema, name string, kind schema.GroupVersionKind) jsonSchema {
	properties := all[name]["properties"].(jsonSchema)
	properties["apiVersion"].(jsonSchema)["enum"] = []string{kind.GroupVersion().String()}
	properties["kind"].(jsonSchema)["enum"] = []string{kind.Kind}
	root := jsonSchema{"$ref": "#/definitions/" + name}
	needed := map[string]jsonSchema{}
	addNeeded(all, root, needed)
	root["definitions"] = needed
	return root
}

// addNeeded adds the definitions that a part of a schema refers to.
func addNeeded(all map[string]jsonSchema, part any, needed map[string]jsonSchema) {
	switch p := part.(type) {
	case []any:
		for _, inner := range p {
			addNeeded(all, inner, needed)
		}
	case jsonSchema:
		ref, _ := p["$ref"].(string)
		if name, refers := strings.CutPrefix(ref, "#/definitions/"); refers && needed[name] == nil {
			needed[name] = all[name]
			addNeeded(all, all[name], needed)
		}
		addNeeded(all, slices.Collect(maps.Values(p)), needed)
	}
}

// closeObjects refuses fields that are not listed, of every object that lists
// its fields and does not say itself what else it takes.
func closeObjects(part any) {
	switch p := part.(type) {
	case []any:
		for _, inner := range p {
			closeObjects(inner)
		}
	case jsonSchema:
		fields, lists := p["properties"].(jsonSchema)
		if _, says := p["additionalProperties"]; lists && !says && p["x-kubernetes-preserve-unknown-fields"] != true {
			p["additionalProperties"] = false
		}
		for key, inner := range p {
			if key != "properties" {
				closeObjects(inner)
			}
		}
		closeObjects(slices.Collect(maps.Values(fields)))
	}
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// module is the folder of a Go module's source.
func module(t *testing.T, name string) string {
	t.Helper()
	folder, err := download(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// download has Go keep a module with those it keeps already, from a folder
// where there is no go.mod that would change.
func download(from, name string, env ...string) (folder string, err error) {
	cmd := exec.Command("go", "mod", "download", "-json", name)
	cmd.Dir, cmd.Env = from, slices.Concat(os.Environ(), []string{"GOFLAGS=-mod=mod", "GOWORK=off"}, env)
	out, err := cmd.Output()
	var says struct{ Dir, Error string }
	if err := errors.Join(err, json.Unmarshal(out, &says)); err != nil {
		return "", fmt.Errorf("the schemas of %s cannot be downloaded: %s %w", name, says.Error, err)
	}
	return says.Dir, nil
}

func TestSchemasThatCannotBeHadAreNamed(t *testing.T) {
	_, err := download(t.TempDir(), "k8s.io/kubernetes@v"+kubernetesVersions[0], "GOPROXY=off", "GOMODCACHE="+t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "k8s.io/kubernetes@v"+kubernetesVersions[0]+" cannot be downloaded: ") {
		t.Errorf("%v", err)
	}
}
