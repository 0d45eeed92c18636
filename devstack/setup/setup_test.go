// Package setup tests scripts/setup on machines that are made up: a PATH with
// the tools that the case has. And what the Makefile does for all of Go.
package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakes are what the tools do; those without a line do nothing.
var fakes = map[string]string{
	"go":      `echo go version go1.26.8 linux/amd64`,
	"sudo":    `shift; exec "$@"`, // -n
	"apt-get": `[ "$1" != install ] || echo "$@" >>"$INSTALLED"`,
}

// everything is what the targets need, and the means to install it.
var everything = []string{
	"go", "git", "initdb", "redis-server", "pgbouncer", "ps", "gcc", "chromium", "curl", "java", "mvn", "python3", "env", "sudo", "apt-get",
}

// machine is a PATH.
type machine struct {
	*testing.T
	path string
	env  []string
}

// without is the machine that has everything but the tools.
func without(t *testing.T, tools ...string) *machine {
	t.Helper()
	m := &machine{T: t, path: t.TempDir()}
	for _, tool := range everything {
		m.put(tool, fakes[tool])
	}
	m.put("env", `exec /usr/bin/env "$@"`)
	for _, tool := range tools {
		if err := os.Remove(filepath.Join(m.path, tool)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *machine) put(tool, does string) {
	m.Helper()
	if err := os.WriteFile(filepath.Join(m.path, tool), []byte("#!/bin/sh\n"+does+"\n"), 0o700); err != nil {
		m.Fatal(err)
	}
}

// setup returns what scripts/setup says, what it has apt-get install, and
// whether make may go on.
func (m *machine) setup(target string) (said, installed string, ok bool) {
	m.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		m.Fatal(err)
	}
	list := filepath.Join(m.TempDir(), "installed")
	cmd := exec.Command(bash, filepath.Join("..", "..", "scripts", "setup"), target)
	cmd.Env = append([]string{"PATH=" + m.path, "INSTALLED=" + list}, m.env...)
	out, err := cmd.CombinedOutput()
	apt, _ := os.ReadFile(list) // not there unless something was installed
	return string(out), strings.TrimPrefix(strings.TrimSpace(string(apt)), "install -y -qq --no-install-recommends "), err == nil
}

func TestSetupIsSilentWhenNothingIsMissing(t *testing.T) {
	for _, target := range []string{"build", "run", "test", "test-real", "test-contract"} {
		if said, installed, ok := without(t).setup(target); said != "" || installed != "" || !ok {
			t.Errorf("%s: says %q, installs %q, ok %t", target, said, installed, ok)
		}
	}
}

func TestSetupInstallsWhatTheTargetNeedsAndNoMore(t *testing.T) {
	lacking := []string{"redis-server", "gcc", "chromium", "java", "mvn", "python3"}
	for target, want := range map[string]string{
		"build":         "",
		"run":           "redis-server",
		"test":          "redis-server gcc libc6-dev chromium",
		"test-real":     "redis-server gcc libc6-dev chromium default-jre-headless maven",
		"test-contract": "redis-server python3 python3-venv",
	} {
		if said, installed, ok := without(t, lacking...).setup(target); installed != want || !ok {
			t.Errorf("%s: installs %q, want %q; says %q", target, installed, want, said)
		}
	}
}

func TestSetupPrintsTheOneLineWhereItMayNotInstall(t *testing.T) {
	debian, mac := without(t, "redis-server", "gcc"), without(t, "redis-server", "gcc", "apt-get")
	debian.put("apt-get", "exit 100")
	mac.env = []string{"OSTYPE=darwin24"}
	fedora := without(t, "redis-server", "gcc", "apt-get")
	fedora.put("dnf", "")
	for _, c := range []struct {
		on   *machine
		want string
	}{
		{debian, "sudo apt-get update && sudo apt-get install --no-install-recommends redis-server gcc libc6-dev\n"},
		{fedora, "sudo dnf install redis gcc\n"},
		{mac, "xcode-select --install; brew install redis\n"},
		{without(t, "redis-server", "gcc", "apt-get"), "install, in the words of Debian: redis-server gcc libc6-dev\n"},
	} {
		if said, _, ok := c.on.setup("test"); !strings.Contains(said, c.want) || ok {
			t.Errorf("says %q, want %q; ok %t", said, c.want, ok)
		}
		if said, _, ok := c.on.setup("run"); !strings.Contains(said, "redis") || !ok {
			t.Errorf("make run, which can do without, says %q; ok %t", said, ok)
		}
	}
}

func TestSetupNamesTheGoThatIsNeeded(t *testing.T) {
	old := without(t)
	old.put("go", "echo go version go1.19.8 linux/amd64")
	for _, m := range []*machine{old, without(t, "go")} {
		if said, installed, ok := m.setup("run"); !strings.Contains(said, "1.21 or newer") || installed != "" || ok {
			t.Errorf("says %q, installs %q, ok %t", said, installed, ok)
		}
	}
}

// Debian's Python has no venv of its own, and an older one will not do.
func TestPythonIsOneThatSchemathesisRunsOn(t *testing.T) {
	m := without(t)
	m.put("python3", "exit 1")
	if said, installed, ok := m.setup("test-contract"); installed != "python3 python3-venv" || !ok {
		t.Errorf("installs %q; says %q, ok %t", installed, said, ok)
	}
	m.put("apt-get", "exit 100")
	if said, _, ok := m.setup("test-contract"); !strings.Contains(said, "--no-install-recommends python3 python3-venv\n") || !ok {
		t.Errorf("says %q, ok %t", said, ok)
	}
}

// A contract that was not tested must not look as one that is kept.
func TestTheContractIsSkippedOnlyWhereSomebodyReadsIt(t *testing.T) {
	m := without(t, "python3")
	m.put("dirname", `exec /usr/bin/dirname "$@"`)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	for required, want := range map[string]bool{"": true, "CONTRACT_REQUIRED=1": false} {
		cmd := exec.Command(bash, filepath.Join("..", "contract", "run"))
		cmd.Env = []string{"PATH=" + m.path, required}
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), "The contract is not tested") || (err == nil) != want {
			t.Errorf("%s: %v, says %q", required, err, out)
		}
	}
	ci, err := os.ReadFile(filepath.Join("..", "..", ".ci", "run"))
	if err != nil || !strings.Contains(string(ci), "CONTRACT_REQUIRED=1 make test-contract\n") {
		t.Errorf("CI may skip it: %v", err)
	}
}
