package e2e

import (
	"context"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const runbooks = "../../docs/runbooks"

// Nobody should find out at night that a command of a runbook has a typing
// error, or asks for a column that is no longer there. The shop is broken in
// the ways that the pages are about, as far as they can be had at once; the
// commands of some pages must have mended it.
func TestEveryCommandOfTheRunbooksRunsInABrokenShop(t *testing.T) {
	t.Parallel()
	metrics := freeAddr(t)
	server, client := newRedis(t, "--dir", t.TempDir()) // it is broken, too, and not for others
	s := newShop(t, "REDIS_URL", server.URL)
	s.redis = client
	s.startAt(freeAddr(t), suite.binary, "all", map[string]string{"METRICS_ADDR": metrics})
	mend := s.breakBooks()
	shell := s.shell("METRICS=http://"+metrics+"/metrics", "WORKER_METRICS=http://"+metrics+"/metrics")
	commands, troubles := runbookCommands(t), shell.troubles()
	for _, page := range slices.Sorted(maps.Keys(commands)) {
		if len(commands[page]) == 0 {
			t.Errorf("%s has no command", page)
		}
		over := func() {}
		if begin, ok := troubles[page]; ok {
			over = begin()
		}
		for _, command := range commands[page] {
			shell.run(page, command)
		}
		over()
	}
	mend()
}

// runbookCommands are the commands of each page: a line each, in blocks of sh.
func runbookCommands(t *testing.T) map[string][]string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(runbooks, "[A-Z]*.md"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d runbooks: %v", len(pages), err)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```")
	commands := map[string][]string{}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if name == "README" {
			continue
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		commands[name] = nil
		for _, found := range block.FindAllStringSubmatch(string(text), -1) {
			commands[name] = append(commands[name], strings.Split(strings.TrimSpace(found[1]), "\n")...)
		}
	}
	return commands
}

// shell runs commands as one on call does.
type shell struct {
	shop    *shop
	environ []string
}

// shell has the service's environment and its binary under its name. psql does
// not know the search path in a URL, which is how the tests' shops share a
// database, and takes it from a variable.
func (s *shop) shell(more ...string) *shell {
	s.t.Helper()
	bin := s.t.TempDir()
	if err := os.Symlink(suite.binary, filepath.Join(bin, "order-service")); err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(s.env["DATABASE_URL"])
	if err != nil {
		s.t.Fatal(err)
	}
	query := u.Query()
	schema := query.Get("search_path")
	query.Del("search_path")
	u.RawQuery = query.Encode()
	environ := s.environ(map[string]string{"URL": s.url, "PGOPTIONS": "-c search_path=" + schema, "PAGER": ""})
	environ = append(environ, "PATH="+bin+":"+os.Getenv("PATH"), "PSQL_URL="+u.String())
	return &shell{s, append(environ, more...)}
}

func (sh *shell) set(name, value string) { sh.environ = append(sh.environ, name+"="+value) }

// quiet are commands that say bad news by their exit status, or look for what
// the Temporal SDK counts only once it has happened.
var quiet = regexp.MustCompile(`^order-service --verify$|grep .*(temporal_|Refund)`)

// denied is what redis-cli says, with the exit status 0, of a command that Redis
// does not know or does not let one use.
var denied = regexp.MustCompile(`(?m)^(ERR|NOAUTH|NOPERM|WRONGPASS|AUTH failed)`)

func (sh *shell) run(page, command string) {
	t := sh.shop.t
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // --verify waits for a gate that differs
	defer cancel()
	line := command
	if strings.HasPrefix(command, "psql ") {
		line = strings.Replace(command, "$DATABASE_URL", "$PSQL_URL", 1)
	}
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
	cmd.Env = sh.environ
	out, err := cmd.CombinedOutput()
	status := cmd.ProcessState.ExitCode()
	if (err == nil || status == 1 && quiet.MatchString(command)) && !denied.Match(out) {
		return
	}
	if command == "order-service --repair" { // what failed is tried again by the next
		sh.shop.repaired()
		return
	}
	t.Errorf("%s: %s: %v\n%s", page, command, err, out)
}
