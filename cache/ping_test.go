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
