package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// document is openapi.yaml as a service hands it out.
type document struct {
	t          *testing.T
	root       map[string]any
	operations map[string]operation // by id
	schemas    *jsonschema.Compiler
}

// operation is one request that the document describes.
type operation struct {
	id, method, path string
	about            map[string]any
}

func parseDocument(t *testing.T, text []byte) *document {
	t.Helper()
	d := &document{t: t, operations: map[string]operation{}}
	if err := yaml.Unmarshal(text, &d.root); err != nil {
		t.Fatal(err)
	}
	for path, item := range object(d.root["paths"]) {
		for method, about := range object(item) {
			o := operation{method: strings.ToUpper(method), path: path, about: object(about)}
			o.id, _ = o.about["operationId"].(string)
			d.operations[o.id] = o
		}
	}
	d.compile()
	return d
}

// schemasURL stands for the document's schemas.
const schemasURL = "urn:order-service:openapi"

// compile makes one schema with a definition for each of the document's. What
// the document does not name is then wrong: clients have to ignore a field
// they do not know, but the service has to describe each that it sends.
func (d *document) compile() {
	d.t.Helper()
	all := object(object(d.root["components"])["schemas"])
	for _, schema := range all {
		if s := object(schema); s["properties"] != nil && s["additionalProperties"] == nil {
			s["additionalProperties"] = false
		}
	}
	text, err := json.Marshal(map[string]any{"$defs": all})
	if err != nil {
		d.t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("#/components/schemas/"), []byte("#/$defs/"))
	d.schemas = jsonschema.NewCompiler()
	d.schemas.AssertFormat()
	d.schemas.AssertContent()
	if err := d.schemas.AddResource(schemasURL, parseJSON(d.t, text)); err != nil {
		d.t.Fatal(err)
	}
}

// parseJSON keeps numbers as they are written.
func parseJSON(t *testing.T, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return value
}

// object is v as a JSON object, empty when it is none.
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// resolve follows the reference of a response, an example and the like.
func (d *document) resolve(v any) map[string]any {
	node := object(v)
	for ref, ok := node["$ref"].(string); ok; ref, ok = node["$ref"].(string) {
		at := d.root
		for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			at = object(at[name])
		}
		node = at
	}
	return node
}

// valid fails the test unless text is JSON that the schema of a media type
// allows. A schema of plain text allows everything.
func (d *document) valid(what string, media map[string]any, text []byte) {
	d.t.Helper()
	ref, ok := object(media["schema"])["$ref"].(string)
	if ok {
		d.is(what, strings.TrimPrefix(ref, "#/components/schemas/"), text)
	}
}

// eventStream is the content whose schema is that of one event, by its fields.
const eventStream = "text/event-stream"

// events fails the test unless text is a stream of events that are valid each.
func (d *document) events(what string, media map[string]any, text string) {
	d.t.Helper()
	for block := range strings.SplitSeq(text, "\n\n") {
		event := map[string]string{}
		for line := range strings.Lines(block) {
			field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			event[field] = strings.TrimPrefix(value, " ")
		}
		delete(event, "") // a comment
		if _, told := event["data"]; !told {
			continue // retry, or the last one's beginning
		}
		fields, err := json.Marshal(event)
		if err != nil {
			d.t.Fatal(err)
		}
		d.valid(what, media, fields)
	}
}

// is fails the test unless text is JSON that the named schema allows.
func (d *document) is(what, schema string, text []byte) {
	d.t.Helper()
	compiled, err := d.schemas.Compile(schemasURL + "#/$defs/" + schema)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := compiled.Validate(parseJSON(d.t, text)); err != nil {
		d.t.Errorf("%s is no %s: %v\n%s", what, schema, err, text)
	}
}

// example is the body of a request as the document gives it.
func (d *document) example(o operation, name string) []byte {
	d.t.Helper()
	for _, media := range object(object(o.about["requestBody"])["content"]) {
		if example := d.resolve(object(object(media)["examples"])[name]); example != nil {
			text, err := json.Marshal(example["value"])
			if err != nil {
				d.t.Fatal(err)
			}
			return text
		}
	}
	d.t.Fatalf("%s has no example %q", o.id, name)
	return nil
}

// answers fails the test unless the document lets the operation answer so:
// status, content type, headers, body and, of a problem, its code.
func (d *document) answers(o operation, r reply) {
	d.t.Helper()
	what := fmt.Sprintf("the answer %d of %s", r.status, o.id)
	responses := object(o.about["responses"])
	response := d.resolve(responses[strconv.Itoa(r.status)])
	if response == nil {
		response = d.resolve(responses["default"])
	}
	for name, header := range object(response["headers"]) {
		if d.resolve(header)["required"] == true && r.header.Get(name) == "" {
			d.t.Errorf("%s has no %s", what, name)
		}
	}
	if r.header.Get("X-Request-Id") == "" {
		d.t.Errorf("%s has no X-Request-Id", what)
	}
	d.carries(what, object(response["content"]), r)
}

// carries checks an answer's body against the content that is described.
func (d *document) carries(what string, content map[string]any, r reply) {
	d.t.Helper()
	if content == nil && len(r.body) == 0 {
		return
	}
	mediaType, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	media := object(content[mediaType])
	if media == nil {
		d.t.Errorf("%s is %s, described are %q: %s", what, mediaType, slices.Sorted(maps.Keys(content)), r.body)
		return
	}
	if mediaType == eventStream {
		d.events(what, media, string(r.body))
	} else {
		d.valid(what, media, r.body)
	}
	if code := string(r.code()); mediaType == "application/problem+json" && object(media["examples"])[code] == nil {
		d.t.Errorf("%s is %q, described are %q", what, code, slices.Sorted(maps.Keys(object(media["examples"]))))
	}
}

// TestOpenAPIExamplesAreWhatTheirSchemasSay looks at every example of a body.
func TestOpenAPIExamplesAreWhatTheirSchemasSay(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d := parseDocument(t, text)
	if n := d.examples("openapi.yaml", d.root); n < 70 {
		t.Errorf("%d examples found", n)
	}
}

// shows fails the test unless value is an example of the media type that is described there.
func (d *document) shows(where string, media map[string]any, value any) {
	d.t.Helper()
	if stream, ok := value.(string); ok && strings.Contains(where, eventStream) {
		d.events(where, media, stream)
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		d.t.Fatal(err)
	}
	d.valid(where, media, text)
}

// examples checks the examples under node and returns how many there are.
func (d *document) examples(where string, node any) (n int) {
	d.t.Helper()
	switch node := node.(type) {
	case []any:
		for i, v := range node {
			n += d.examples(fmt.Sprintf("%s/%d", where, i), v)
		}
	case map[string]any:
		for name, v := range node {
			n += d.examples(where+"/"+name, v)
		}
		if node["schema"] == nil {
			return n
		}
		for name, example := range object(node["examples"]) {
			d.shows(where+"/examples/"+name, node, d.resolve(example)["value"])
			n++
		}
	}
	return n
}
