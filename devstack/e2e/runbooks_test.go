package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"order-service/order"
)

const runbooks = "../../docs/runbooks"

// Nobody should find out at night that a command of a runbook has a typing
// error, or asks for a column that is no longer there. The shop is broken in
// the ways that the pages are about, as far as they can be had at once.
func TestEveryCommandOfTheRunbooksRunsInABrokenShop(t *testing.T) {
	t.Parallel()
	metrics := freeAddr(t)
	s := newShop(t)
	s.startAt(freeAddr(t), suite.binary, "all", map[string]string{"METRICS_ADDR": metrics})
	mend := s.breakBooks()
	shell := s.shell("METRICS=http://" + metrics + "/metrics")
	commands := runbookCommands(t)
	for _, page := range slices.Sorted(maps.Keys(commands)) {
		if len(commands[page]) == 0 {
			t.Errorf("%s has no command", page)
		}
		if page == "GateDiffers" {
			s.breakGate()
		}
		for _, command := range commands[page] {
			shell.run(page, command)
		}
	}
	mend()
}

// breakBooks leaves a payment that nobody passed on, one of another amount, and
// an order that is overdue. What it returns ends the order that no runbook can.
func (s *shop) breakBooks() (mend func()) {
	s.t.Helper()
	b := s.anyone()
	product := s.product(spare)
	left := b.await(b.buy(product, 1), order.PaymentPending)
	wrong := b.await(b.buy(product, 1), order.PaymentPending)
	s.leave(left.PaymentID, left)
	s.webhook(wrong.OrderID, "payment-success", map[string]any{
		"paymentId": wrong.PaymentID, "amount": wrong.Amount + 1, "currency": wrong.Currency,
	}).expect(409)
	var id string
	s.ask(fmt.Sprintf(`UPDATE orders SET expires_at = now() - interval '6 minutes' WHERE order_id = '%s' RETURNING order_id::text`,
		wrong.OrderID), &id)
	return func() {
		b.await(left.OrderID, order.Confirmed) // by --repair
		b.cancel(wrong.OrderID)
		b.await(wrong.OrderID, order.Cancelled)
	}
}

// breakGate gives a product a stock in the gate that is not the ledger's.
func (s *shop) breakGate() {
	s.t.Helper()
	key := "gate:{" + s.product(spare) + "}:product"
	s.wait("the product is in the gate", patience, func() bool { return s.redis.Exists(context.Background(), key).Val() == 1 })
	if err := s.redis.HSet(context.Background(), key, "available", 7).Err(); err != nil {
		s.t.Fatal(err)
	}
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

// quiet are commands that say bad news by their exit status, or look for what
// the Temporal SDK counts only once it has happened.
var quiet = regexp.MustCompile(`^order-service --verify$|grep .*(temporal_|Refund)`)

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
	if err == nil || status == 1 && quiet.MatchString(command) {
		return
	}
	t.Errorf("%s: %s: %v\n%s", page, command, err, out)
}
