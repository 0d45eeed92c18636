package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A target that is not listed, for it is behind a build tag that scripts/fuzz
// does not set, or in a module that it does not find, is never run by anybody.
func TestMakeFuzzRunsEveryTargetThereIs(t *testing.T) {
	list := exec.Command("scripts/fuzz", "--list")
	list.Stderr = os.Stderr // where go says what it downloads
	out, err := list.Output()
	if err != nil {
		t.Fatalf("scripts/fuzz --list: %v\n%s", err, out)
	}
	listed, written := strings.Split(strings.TrimSpace(string(out)), "\n"), fuzzTargets(t)
	slices.Sort(listed)
	slices.Sort(written)
	if len(written) < 20 || !slices.Equal(listed, written) {
		t.Errorf("listed are\n%s\nof\n%s", strings.Join(listed, "\n"), strings.Join(written, "\n"))
	}
}

// fuzzTargets finds them in the sources, as package and name.
func fuzzTargets(t *testing.T) (targets []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != "." {
			return cmp.Or(err, fs.SkipDir)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
				targets = append(targets, filepath.ToSlash(filepath.Join("order-service", filepath.Dir(path)))+" "+f.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return targets
}
