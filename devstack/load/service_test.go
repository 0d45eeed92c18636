package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"order-service/devstack/ports"
	"order-service/devstack/process"
)

// startService runs a real order-service on the servers of the environment,
// with a schema and topics of its own, and puts into the environment what
// describes it. It returns its URL and its binary.
func startService(t *testing.T, role string) (base, binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "order-service")
	build := exec.Command("go", "build", "-o", binary)
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build order-service: %v\n%s", err, out)
	}
	addr := freeAddr(t)
	setEnvironment(t, addr)
	var log bytes.Buffer
	cmd := exec.Command(binary, "--role="+role)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = process.Attributes(syscall.SIGKILL, true)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("order-service: %v\n%s", err, &log)
		}
	})
	waitReady(t, "http://"+addr)
	return "http://" + addr, binary
}

func freeAddr(t *testing.T) string {
	t.Helper()
	book, err := ports.Open("")
	if err != nil {
		t.Fatal(err)
	}
	port, err := book.Port("service")
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func setEnvironment(t *testing.T, addr string) {
	t.Helper()
	name := "load_" + strings.ToLower(rand.Text()[:10])
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	for variable, value := range map[string]string{
		"DATABASE_URL": newSchema(t, name), "HTTP_ADDR": addr, "PUBLIC_URL": "http://" + addr, "ADMIN_ADDR": "off",
		"KAFKA_TOPIC_ORDER_RESERVATIONS": name + ".reservations", "KAFKA_TOPIC_ORDER_CREATED": name + ".created",
		"KAFKA_TOPIC_ORDER_PROGRESS": name + ".progress", "KAFKA_CONSUMER_GROUP": name, "TEMPORAL_TASK_QUEUE": name,
		"JWT_SECRET": rand.Text() + rand.Text(), "JWT_ISSUER": "https://id.example", "JWT_AUDIENCE": "shop", "PAYMENT_SANDBOX": "true",
		"PAYMENT_WEBHOOK_SECRET": "whsec_" + base64.StdEncoding.EncodeToString(key[:]),
		"INTAKE_BUDGET":          "5s", "RATE_LIMIT_USER_RPS": "0", "SHUTDOWN_DELAY": "0s",
	} {
		t.Setenv(variable, value)
	}
}

func newSchema(t *testing.T, name string) string {
	t.Helper()
	u, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil || u.Host == "" {
		t.Fatalf("DATABASE_URL is not set: run the tests under devstack, as make test-e2e does (%v)", err)
	}
	database := u.String()
	execute(t, database, `CREATE SCHEMA `+name)
	t.Cleanup(func() { execute(t, database, `DROP SCHEMA `+name+` CASCADE`) })
	query := u.Query()
	query.Set("search_path", name)
	u.RawQuery = query.Encode()
	return u.String()
}

func execute(t *testing.T, database, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(ctx)
	if _, err := db.Exec(ctx, sql, args...); err != nil {
		t.Fatal(err)
	}
}

func waitReady(t *testing.T, base string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatalf("%s is not ready", base)
}
