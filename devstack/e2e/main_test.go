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
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"order-service/devstack/ports"
)

// suite is what the tests share: the binary and the ports given out.
var suite struct {
	binary string

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
	suite.binary = filepath.Join(dir, "order-service")
	if suite.book, err = ports.Open(""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	build := exec.Command("go", "build", "-race", "-o", suite.binary, ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build order-service: %v\n%s", err, out)
		return 1
	}
	return m.Run()
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
