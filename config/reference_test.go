package config

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

const reference = "../docs/configuration.md"

var write = flag.Bool("write", false, "write "+reference+" instead of comparing it")

// TestReferenceTellsOfEveryVariable keeps the document equal to the struct, the
// only place where a variable is described.
func TestReferenceTellsOfEveryVariable(t *testing.T) {
	want := document(t, configStruct(t))
	if *write {
		if err := os.WriteFile(reference, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/configuration.md is not what config.go says; make docs writes it anew")
	}
}

func configStruct(t *testing.T) *ast.StructType {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var found *ast.StructType
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == "Config" {
			found, _ = spec.Type.(*ast.StructType)
		}
		return found == nil
	})
	if found == nil {
		t.Fatal("config.go has no struct Config")
	}
	return found
}

const preamble = `# Configuration

<!-- Made of config/config.go by "make docs"; change it there. -->

order-service reads its settings from the environment. A wrong or missing value stops the start with one line per
problem, each naming its variable. A list (…) is separated by commas, a duration is written like ` + "`20ms` or `15m`" + `.
A secret is never printed, and ` + "`X_FILE`" + ` may name the file with secret ` + "`X`" + ` instead. "Role" is the only one that reads the variable; where it is empty, every role does.

Go's own variables count as well. Unless they are set, ` + "`GOMEMLIMIT` is 90 % of what the container may use, or of half" + `
the machine's memory, and ` + "`GOGC`" + ` is 400. What goes by HTTP or gRPC (Temporal, the payment provider, the keys of tokens, tokens
and credentials for Kafka, the collector) goes by ` + "`HTTPS_PROXY` and `HTTP_PROXY`" + ` where they are set, but to hosts in ` + "`NO_PROXY`" + `.
` + "`OTEL_…`" + ` is in [tracing.md](tracing.md), ` + "`AWS_REGION`" + ` in [managed.md](managed.md#kafka).
`

// document writes the reference: a table for each section.
func document(t *testing.T, config *ast.StructType) []byte {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(preamble)
	for _, field := range config.Fields.List {
		if !field.Names[0].IsExported() {
			continue
		}
		if field.Doc != nil {
			fmt.Fprintf(&out, "\n## %s\n\n| variable | format | default | role | what it is |\n|---|---|---|---|---|\n", text(field.Doc))
		}
		fmt.Fprintln(&out, row(t, field))
	}
	return out.Bytes()
}

func row(t *testing.T, field *ast.Field) string {
	t.Helper()
	quoted, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		t.Fatal(err)
	}
	tag := reflect.StructTag(quoted)
	if field.Comment == nil || tag.Get("env") == "" {
		t.Fatalf("%s needs an env tag and a comment that says what it is", field.Names[0])
	}
	value := tag.Get("envDefault")
	if value != "" {
		value = "`" + value + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |", tag.Get("env"), format(field.Type), value, tag.Get("role"), text(field.Comment))
}

// format names a field's type as one who sets a variable would.
func format(fieldType ast.Expr) string {
	if list, ok := fieldType.(*ast.ArrayType); ok {
		return format(list.Elt) + ", …"
	}
	name := fmt.Sprint(fieldType)
	if qualified, ok := fieldType.(*ast.SelectorExpr); ok {
		name = qualified.Sel.Name
	}
	known := map[string]string{
		"string": "text", "bool": "true or false", "int": "integer", "int16": "integer", "float64": "number",
		"Secret": "secret", "Duration": "duration", "Role": "role",
	}
	return cmp.Or(known[name], name)
}

func text(comment *ast.CommentGroup) string { return strings.TrimSpace(comment.Text()) }
