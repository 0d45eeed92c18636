package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"order-service/order"
)

// The user may do what docs/managed.md says and no more, and what it says is all
// needed.
func TestSaleGoesOnAsARedisUserOfLeastRightsWhosePasswordIsReplaced(t *testing.T) {
	t.Parallel()
	ca, tlsPort := newAuthority(t), freePort(t)
	server, client := ca.issue(newIdentity(t), "redis"), ca.issue(newIdentity(t), "order-service")
	_, root := newRedis(t, "--tls-port", strconv.Itoa(tlsPort), "--tls-auth-clients", "yes",
		"--tls-cert-file", server.cert, "--tls-key-file", server.key, "--tls-ca-cert-file", ca.file)
	tell := func(command ...any) any {
		reply, err := root.Do(context.Background(), command...).Result()
		if err != nil {
			t.Errorf("%v: %v", command, err)
		}
		return reply
	}
	rule := redisRule(t)
	tell(with(rule, ">first")...)
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, []byte("first\n"))
	s := newShop(t, "REDIS_URL", "rediss://order-service@"+net.JoinHostPort("127.0.0.1", strconv.Itoa(tlsPort))+"/0",
		"REDIS_PASSWORD_FILE", file, "REDIS_TLS_CA", ca.file, "REDIS_TLS_CERT", client.cert, "REDIS_TLS_KEY", client.key)
	s.start("all")
	s.saleThrough(func(string) {
		write(t, file, []byte("second\n"))
		tell("ACL", "SETUSER", "order-service", "resetpass", ">second")
		tell("CLIENT", "KILL", "USER", "order-service")
		time.Sleep(2 * time.Second)
	})
	// What is rebuilt has users where the product has a limit.
	limited := s.product(10)
	body := map[string]any{"name": "Limited", "unitPrice": unitPrice, "currency": "EUR", "stock": 10, "perUserLimit": 2}
	s.buyer("root", admin).call("PUT", "/admin/products/"+limited, body).expect(http.StatusOK)
	fan := s.anyone()
	fan.await(fan.buy(limited, 1), order.PaymentPending)
	tell("SCRIPT", "FLUSH")
	tell("FLUSHALL")
	fan.buy(limited, 1)
	for _, entry := range tell("ACL", "LOG").([]any) {
		// The old password is denied for the second in which it is remembered.
		if denied := entry.(map[any]any); denied["reason"] != "auth" {
			t.Errorf("the user was denied: %v", denied)
		}
	}
	expectUsed(t, root, rule)
}

// Some commands of the scripts are called in rare cases only.
func TestRedisRuleAllowsWhatTheScriptsCall(t *testing.T) {
	t.Parallel()
	rule := redisRule(t)
	for _, command := range scriptCommands(t) {
		if !slices.Contains(rule, any("+"+command)) {
			t.Errorf("the scripts call %s, which docs/managed.md does not allow", command)
		}
	}
}

// scriptCommands are the commands of Redis in cache's scripts.
func scriptCommands(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "cache", "*.lua"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	calls := regexp.MustCompile(`call\('([A-Z]+)'`)
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range calls.FindAllSubmatch(script, -1) {
			names = append(names, strings.ToLower(string(call[1])))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// redisRule is the command of docs/managed.md.
func redisRule(t *testing.T) (words []any) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "managed.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^ACL SETUSER order-service .*$`).FindString(string(page))
	for word := range strings.FieldsSeq(line) {
		words = append(words, word)
	}
	if !slices.Contains(words, any(">PASSWORD")) {
		t.Fatalf("docs/managed.md has no rule: %q", line)
	}
	return words
}

func with(rule []any, password string) []any {
	rule = slices.Clone(rule)
	rule[slices.Index(rule, any(">PASSWORD"))] = password
	return rule
}

// expectUsed fails the test unless every command that the rule allows was called,
// or is a script's.
func expectUsed(t *testing.T, admin *goredis.Client, rule []any) {
	t.Helper()
	scripts := scriptCommands(t)
	called, err := admin.Info(context.Background(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range rule {
		name, allowed := strings.CutPrefix(word.(string), "+")
		if allowed && !slices.Contains(scripts, name) && !strings.Contains(called, "cmdstat_"+name+":") {
			t.Errorf("the user need not be allowed %s", name)
		}
	}
}
