// Package e2e drives the built binary through HTTP only, on real servers:
//
//	devstack -- go test ./e2e/
//
// Each test has a shop of its own, with its schema, topics, task queue and
// logical Redis database, so tests run in parallel. After each one the
// invariants are checked with order-service --verify.
package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"order-service/devstack/ports"
)

// suite is what the tests share: the binary and the ports given out.
var suite struct {
	binary string
	faulty func() (string, error) // builds, at its first call, a binary with failpoints

	browser browser

	mu     sync.Mutex
	book   *ports.Book
	listen int // ports given out
	shops  int
}

func TestMain(m *testing.M) {
	os.Exit(prepare(m))
}

func prepare(m *testing.M) int {
	for _, name := range []string{"DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP", "TEMPORAL_ADDRESS"} {
		if os.Getenv(name) == "" {
			fmt.Fprintf(os.Stderr, "%s is not set: run the end-to-end tests under devstack, as make test does\n", name)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "order-service-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer suite.browser.close()
	suite.faulty = sync.OnceValues(func() (string, error) { return build(dir, "-tags=failpoints") })
	if suite.book, err = ports.Open(""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if suite.binary, err = build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build compiles the service into dir, with flags for go build.
func build(dir string, flags ...string) (string, error) {
	binary := filepath.Join(dir, "order-service"+strings.Join(flags, ""))
	return binary, buildFrom(filepath.Join("..", ".."), binary, flags...)
}

func buildFrom(source, binary string, flags ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-race", "-o", binary}, flags...)...)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // the race detector is C
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build order-service: %w\n%s", err, out)
	}
	return nil
}

func freeAddr(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
}

// freePort returns a loopback port that no other test was given.
func freePort(t *testing.T) int {
	t.Helper()
	suite.mu.Lock()
	defer suite.mu.Unlock()
	suite.listen++
	port, err := suite.book.Port(strconv.Itoa(suite.listen))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
