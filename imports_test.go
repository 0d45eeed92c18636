package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the dependency rule of the project: order is a leaf, batch knows
// only it, the folders around them know these and nothing of each other, and
// only main joins them. A folder that is not listed may not exist.
var mayImport = map[string][]string{
	"order":   {},
	"repair":  {"order"},
	"config":  {"fresh"},
	"batch":   {"order"},
	"board":   {"order"},
	"api":     {"order", "tracing", "fresh"},
	"bus":     {"order", "failpoint", "tracing", "retry"},
	"cache":   {"order", "batch", "retry"},
	"intake":  {"order", "batch", "failpoint", "tracing"},
	"metrics": {"order"},
	"saga":    {"order", "failpoint", "retry", "tracing"},
	"sse":     {"order"},
	"store":   {"order", "batch", "failpoint", "retry"},
	"verify":  {"order", "retry"},
	".":       {"order", "config", "api", "board", "bus", "cache", "fresh", "intake", "metrics", "repair", "retry", "saga", "sse", "store", "tracing", "verify"},

	"api/apitest":         {"api", "order"},
	"store/storetest":     {"store"},
	"failpoint":           {},
	"fresh":               {},
	"linetest":            {},
	"retry":               {},
	"tracing":             {},
	"tracing/tracingtest": {"tracing"},
}

// onlyIn names the one folder that may know a library: replacing the library
// touches that folder alone.
var onlyIn = map[string]string{
	"github.com/gofiber/fiber":     "api",
	"github.com/jackc/pgx":         "store",
	"github.com/pressly/goose":     "store",
	"github.com/redis/go-redis":    "cache",
	"github.com/twmb/franz-go":     "bus",
	"github.com/prometheus":        "metrics",
	"go.temporal.io":               "saga",
	"google.golang.org/grpc":       "saga",
	"github.com/caarlos0/env":      "config",
	"github.com/standard-webhooks": "api",
	"github.com/golang-jwt":        "api",
	"github.com/MicahParks":        "api",

	"go.opentelemetry.io/otel/sdk":       "tracing",
	"go.opentelemetry.io/otel/exporters": "tracing",
}

func TestFoldersImportOnlyWhatTheirJobAllows(t *testing.T) {
	for file, imports := range productionImports(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("%s: folder %q has no rule in mayImport", file, folder)
		}
		for _, path := range imports {
			checkImport(t, file, folder, path, allowed)
		}
	}
}

func checkImport(t *testing.T, file, folder, path string, allowed []string) {
	t.Helper()
	if sibling, ours := strings.CutPrefix(path, "order-service/"); ours {
		for _, ok := range allowed {
			if sibling == ok {
				return
			}
		}
		t.Errorf("%s imports %s", file, path)
	}
	for library, home := range onlyIn {
		if strings.HasPrefix(path, library) && folder != home && !strings.HasPrefix(folder, home+"/") {
			t.Errorf("%s imports %s, which only %s may", file, path, home)
		}
	}
	if folder == "order" && strings.Contains(path, ".") && path != "github.com/google/uuid" {
		t.Errorf("%s imports %s: order is a leaf", file, path)
	}
}

// productionImports lists the imports of every file of this module that is not
// a test.
func productionImports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (path == "devstack" || strings.HasPrefix(entry.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			unquoted, _ := strconv.Unquote(spec.Path.Value)
			found[path] = append(found[path], unquoted)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
