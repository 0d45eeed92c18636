package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A document ages in silence: what it names is renamed, and nobody who renames it
// reads the page. So what a page names must be there.

// filesOf returns the texts of the files whose names end with suffix, by their
// paths. What is generated or kept is in folders with a dot, and in bin.
func filesOf(t *testing.T, suffix string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "bin" || strings.HasPrefix(name, ".") && name != "."):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, suffix):
			return nil
		}
		text, err := os.ReadFile(name)
		files[name] = string(text)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files end with %s: %v", len(files), suffix, err)
	}
	return files
}

var (
	block   = regexp.MustCompile("(?ms)^```.*?^```")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unlike  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

func TestLinksOfDocumentsLeadToWhatThereIs(t *testing.T) {
	pages := filesOf(t, ".md")
	for page, text := range pages {
		for _, found := range link.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			name, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(name, "://") {
				continue
			}
			to := page
			if name != "" {
				to = path.Join(path.Dir(page), name)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s is not there", page, found[1])
			}
			if anchor != "" && !slices.Contains(anchors(pages[to]), anchor) {
				t.Errorf("%s: %s has no such heading", page, found[1])
			}
		}
	}
}

// anchors are what a page's headings are called in links to them.
func anchors(text string) (names []string) {
	for _, found := range heading.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		name := unlike.ReplaceAllString(strings.ToLower(found[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

func TestDocumentsNameFilesAndTargetsThatThereAre(t *testing.T) {
	targets := regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllString(filesOf(t, "Makefile")["Makefile"], -1)
	sources := filesOf(t, ".go")
	for page, text := range filesOf(t, ".md") {
		for _, found := range regexp.MustCompile("`((?:[a-z0-9_]+/)+[a-z0-9_]+\\.go)`").FindAllStringSubmatch(text, -1) {
			if !endOfOne(sources, found[1]) {
				t.Errorf("%s: there is no %s", page, found[1])
			}
		}
		for _, found := range regexp.MustCompile("(?m)(?:`|^)make ([a-z0-9-]+)").FindAllStringSubmatch(text, -1) {
			if !slices.Contains(targets, found[1]+":") {
				t.Errorf("%s: make knows no %s", page, found[1])
			}
		}
	}
}

// endOfOne reports whether a source's path is, or ends with, name.
func endOfOne(sources map[string]string, name string) bool {
	for source := range sources {
		if strings.HasSuffix("/"+source, "/"+name) {
			return true
		}
	}
	return false
}

// How much of Postgres the chart takes is made of what a process does: a pool more,
// and a database that was large enough is not.
func TestDocumentsCountTheConnectionsOfAProcess(t *testing.T) {
	sum := 0
	constants := regexp.MustCompile(`(?m)^\t(?:defaultConns|intakeConns|sessionConns|movers) += (\d+)`)
	found := constants.FindAllStringSubmatch(filesOf(t, ".go")["store/store.go"], -1)
	for _, constant := range found {
		n, err := strconv.Atoi(constant[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if readme := filesOf(t, ".md")["deploy/README.md"]; len(found) != 4 || !strings.Contains(readme, fmt.Sprintf("A process may have %d:", sum)) {
		t.Errorf("deploy/README.md does not say that a process may have %d connections, of %q", sum, found)
	}
	if notes := filesOf(t, "NOTES.txt"); !strings.Contains(notes["deploy/helm/order-service/templates/NOTES.txt"], fmt.Sprintf("mul $pods %d ", sum)) {
		t.Errorf("the chart's notes do not count %d for each pod", sum)
	}
}

// A name that ends with … stands for all that begin so, as every name does in a
// command, which is in a block.
func TestDocumentsNameTestsThatThereAre(t *testing.T) {
	homes := testHomes(t)
	for page, text := range filesOf(t, ".md") {
		for _, name := range regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*…?`).FindAllString(block.ReplaceAllString(text, ""), -1) {
			if len(homes.of(name)) == 0 {
				t.Errorf("%s: there is no %s", page, name)
			}
		}
	}
}

// The command that a row of reliability.md names must run the tests behind it.
func TestCommandsOfReliabilityRunTheTestsTheyName(t *testing.T) {
	homes := testHomes(t)
	runs := map[string]string{"test-unit": "", "lint": "", "test-e2e": "devstack", "test-ha": "devstack", "soak": "devstack", "test-deploy": "deploy"}
	for row := range strings.Lines(filesOf(t, ".md")["docs/reliability.md"]) {
		cells := strings.Split(row, " | ")
		if len(cells) < 5 {
			continue
		}
		home, known := "", false
		for _, found := range regexp.MustCompile("`make ([a-z0-9-]+)`|`(Test\\w+…?)`").FindAllStringSubmatch(cells[2], -1) {
			if found[1] != "" {
				home, known = runs[found[1]]
			} else if known && !slices.Contains(homes.of(found[2]), home) {
				t.Errorf("%s is not run by the command before it: %.80s", found[2], row)
			}
		}
	}
}

// tests are the modules, by their folders, that have a test of a name. This one
// is "".
type tests map[string][]string

func testHomes(t *testing.T) tests {
	t.Helper()
	homes := tests{}
	for source, text := range filesOf(t, "_test.go") {
		home, _, _ := strings.Cut(source, "/")
		if home != "devstack" && home != "deploy" {
			home = ""
		}
		for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`).FindAllStringSubmatch(text, -1) {
			homes[found[1]] = append(homes[found[1]], home)
		}
	}
	return homes
}

func (h tests) of(name string) (homes []string) {
	prefix, several := strings.CutSuffix(name, "…")
	if !several {
		return h[name]
	}
	for test, of := range h {
		if strings.HasPrefix(test, prefix) {
			homes = append(homes, of...)
		}
	}
	return homes
}
