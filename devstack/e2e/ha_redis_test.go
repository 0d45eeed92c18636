package e2e

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"order-service/devstack/process"
	"order-service/devstack/redis"
)

// newRedis is a redis-server of a test's own, with more arguments.
func newRedis(t *testing.T, arguments ...string) (*redis.Server, *goredis.Client) {
	t.Helper()
	server, err := redis.Start(t.Context(), redis.Config{
		Port: func() (int, error) { return freePort(t), nil }, Dir: t.TempDir(), Log: zerolog.New(zerolog.NewTestWriter(t)),
		Arguments: arguments,
	})
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(&goredis.Options{Addr: server.Address})
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Stop() // the test may have ended it
	})
	if server.Kind != "redis-server" {
		t.Fatal(redis.ErrMissing)
	}
	return server, client
}

// A Redis that answers PING and takes no writes was taken for one that works.
func TestHASaleGoesOnAfterRedisAnsweredAndRefusedToWrite(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]struct{ begin, end []any }{
		"as a replica":         {[]any{"replicaof", "127.0.0.1", "1"}, []any{"replicaof", "no", "one"}},
		"for want of replicas": {[]any{"config", "set", "min-replicas-to-write", "1"}, []any{"config", "set", "min-replicas-to-write", "0"}},
		"for want of memory":   {[]any{"config", "set", "maxmemory", "1"}, []any{"config", "set", "maxmemory", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := newRedis(t)
			tell := func(command []any) {
				if err := client.Do(context.Background(), command...).Err(); err != nil {
					t.Errorf("%v: %v", command, err)
				}
			}
			s := newShop(t, "REDIS_URL", server.URL)
			svc := s.start("all")
			s.saleThrough(func(productID string) {
				tell(trouble.begin)
				s.expectRefusedAtOnce(productID)
				svc.expectNotReady()
				tell(trouble.end)
			})
			svc.waitReady()
		})
	}
}

// The Sentinels choose the replica when the master was killed. What the gate loses
// with it is rebuilt from the ledger.
func TestHASaleGoesOnAfterASentinelFailover(t *testing.T) {
	t.Parallel()
	master, _ := newRedis(t)
	_, follower := newRedis(t)
	host, port, _ := net.SplitHostPort(master.Address)
	if err := follower.ReplicaOf(t.Context(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "redis", Path: "/0"}
	query := url.Values{"master_name": {"gate"}}
	for i := range 3 {
		address := startSentinel(t, host, port)
		if i == 0 {
			u.Host = address
		} else {
			query.Add("addr", address)
		}
	}
	u.RawQuery = query.Encode()
	s := newShop(t, "REDIS_URL", u.String())
	s.start("all")
	s.saleThrough(func(string) {
		if err := master.Kill(); err != nil {
			t.Error(err)
		}
		awaitMaster(t, follower)
	})
}

// startSentinel runs a Sentinel that watches the master and returns its address.
func startSentinel(t *testing.T, host, port string) string {
	t.Helper()
	dir, own := t.TempDir(), strconv.Itoa(freePort(t))
	file := filepath.Join(dir, "sentinel.conf") // Sentinels write what they find out into it
	settings := fmt.Sprintf(`port %s
bind 127.0.0.1
dir %s
sentinel monitor gate %s %s 2
sentinel down-after-milliseconds gate 1000
sentinel failover-timeout gate 5000
`, own, dir, host, port)
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(process.Command{
		Name: "sentinel", Path: path, Dir: dir, Args: []string{file, "--sentinel"},
		Log: filepath.Join(dir, "sentinel.log"), Quit: syscall.SIGTERM,
	}, zerolog.New(zerolog.NewTestWriter(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(10 * time.Second); err != nil {
			t.Error(err)
		}
	})
	return net.JoinHostPort("127.0.0.1", own)
}

// awaitMaster returns when the Sentinels have made c's server the master.
func awaitMaster(t *testing.T, c *goredis.Client) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		role, err := c.Do(context.Background(), "role").Slice()
		if err == nil && len(role) > 0 && role[0] == "master" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the replica is %v, %v", role, err)
			return
		}
	}
}
