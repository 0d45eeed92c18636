package cache

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
)

func TestPingWritesBecauseReadingTellsTooLittle(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if err := s.gate.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, refusal := range map[string]string{
		"a replica":            "READONLY You can't write against a read only replica.",
		"full":                 "OOM command not allowed when used memory > 'maxmemory'.",
		"one that cannot save": "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
	} {
		g, err := Open(Config{URL: "redis://" + refusing(t, refusal) + "/0", Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), refusal) {
			t.Errorf("%s: %v", name, err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A command says that it waits for Redis for five seconds, and --repair publishes
// by the client of the upkeep.
func TestTheUpkeepWaitsNoLessThanRequestsDo(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]time.Duration{0: 2 * time.Second, 5 * time.Second: 5 * time.Second} {
		g, err := Open(Config{URL: "redis://127.0.0.1:1", Timeout: timeout, Log: zerolog.Nop()})
		must(t, err)
		if o := g.patient.(*redis.Client).Options(); o.ReadTimeout != want || o.DialTimeout != want {
			t.Errorf("where requests wait %v, it waits %v, want %v", timeout, o.ReadTimeout, want)
		}
		must(t, g.Close())
	}
}

// refusing is a Redis that answers everything but writes. It returns its
// address.
func refusing(t *testing.T, refusal string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { refuse(conn, refusal) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return l.Addr().String()
}

func refuse(conn net.Conn, refusal string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		answer := "+OK"
		switch command {
		case "hello":
			answer = "-ERR unknown command"
		case "set":
			answer = "-" + refusal
		}
		if _, err := fmt.Fprint(conn, answer, "\r\n"); err != nil {
			return
		}
	}
}

// readCommand reads an array of bulk strings and returns the first.
func readCommand(in *bufio.Reader) (name string, err error) {
	n, err := readCount(in)
	for i := 0; i < n && err == nil; i++ {
		var size int
		if size, err = readCount(in); err != nil {
			break
		}
		arg := make([]byte, size+2)
		if _, err = io.ReadFull(in, arg); i == 0 {
			name = strings.ToLower(string(arg[:size]))
		}
	}
	return name, err
}

func readCount(in *bufio.Reader) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil || len(line) < 2 {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
