package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// addEnums adds the values that fields may have to the definitions of a
// Kubernetes. Its source leaves them out of the file that clients are made of
// (OpenAPIEnums=false), and has them where an API server has them from.
func addEnums(t *testing.T, source string, all map[string]jsonSchema) {
	t.Helper()
	path := filepath.Join(source, "pkg/generated/openapi/zz_generated.openapi.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, declared := range file.Decls {
		function, is := declared.(*ast.FuncDecl)
		if !is {
			continue
		}
		name, is := strings.CutPrefix(function.Name.Name, "schema_k8sio_api_")
		if definition := all["io.k8s.api."+strings.ReplaceAll(name, "_", ".")]; is && definition != nil {
			addEnumsOf(t, function, definition)
		}
	}
}

// addEnumsOf adds those of one type, whose fields are keys of a map.
func addEnumsOf(t *testing.T, function *ast.FuncDecl, definition jsonSchema) {
	t.Helper()
	ast.Inspect(function, func(node ast.Node) bool {
		pair, _ := node.(*ast.KeyValueExpr)
		if pair == nil {
			return true
		}
		name, values := literal(pair.Key), enumIn(pair.Value)
		if name == "" || len(values) == 0 {
			return true
		}
		fields, _ := definition["properties"].(jsonSchema)
		field, there := fields[name].(jsonSchema)
		if !there {
			t.Fatalf("%s has no field %s", function.Name.Name, name)
		}
		element(field)["enum"] = values
		return false
	})
}

// enumIn are the values of the enum that a field's schema has.
func enumIn(field ast.Expr) (values []string) {
	ast.Inspect(field, func(node ast.Node) bool {
		pair, _ := node.(*ast.KeyValueExpr)
		if pair == nil {
			return true
		}
		if key, is := pair.Key.(*ast.Ident); is && key.Name == "Enum" {
			for _, value := range pair.Value.(*ast.CompositeLit).Elts {
				values = append(values, literal(value))
			}
		}
		return true
	})
	return values
}

// literal is the string that an expression is, or none.
func literal(expr ast.Expr) string {
	l, is := expr.(*ast.BasicLit)
	if !is {
		return ""
	}
	text, _ := strconv.Unquote(l.Value) // a number is none
	return text
}

// element is what a list or a map is made of; another field is itself.
func element(field jsonSchema) jsonSchema {
	for _, of := range []string{"items", "additionalProperties"} {
		if inner, is := field[of].(jsonSchema); is {
			return element(inner)
		}
	}
	return field
}
