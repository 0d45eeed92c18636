package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// scarce has a shortage for its first calls and a connection afterwards.
type scarce struct {
	net.Listener
	errs []error
	conn net.Conn
}

func (s *scarce) Accept() (c net.Conn, err error) {
	if len(s.errs) == 0 {
		return s.conn, nil
	}
	err, s.errs = s.errs[0], s.errs[1:]
	return nil, err
}

func TestShortageOfDescriptorsIsWaitedForAndToldOnce(t *testing.T) {
	var log bytes.Buffer
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	short := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	l := newListener(&scarce{errs: []error{short, short, syscall.ENFILE, syscall.ENOMEM}, conn: server}, time.Minute, zerolog.New(&log))
	if c, err := l.Accept(); err != nil || c.(*conn).Conn != server {
		t.Fatalf("%v, %v", c, err)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines:\n%s", n, &log)
	}
	l = newListener(&scarce{errs: []error{net.ErrClosed}}, time.Minute, zerolog.Nop())
	if _, err := l.Accept(); err != net.ErrClosed {
		t.Errorf("a closed listener: %v", err)
	}
}

// TestServerOutlivesTheEndOfItsDescriptors runs itself as another process, with
// few of them.
func TestServerOutlivesTheEndOfItsDescriptors(t *testing.T) {
	const few, isServer = 64, "SERVER_OF_FEW_DESCRIPTORS"
	if os.Getenv(isServer) != "" {
		serveWith(t, few)
		return
	}
	server := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	server.Env = append(os.Environ(), isServer+"=1")
	begun := time.Now()
	addr, line, stop := startServer(t, server)
	used := dialHTTP(t, addr)
	used.livez()

	var waiting []*plainClient
	for range 2 * few {
		waiting = append(waiting, dialHTTP(t, addr))
	}
	said := line()
	used.livez() // what is open is served on
	for _, c := range waiting {
		_ = c.Close()
	}
	dialHTTP(t, addr).livez()
	said += stop()
	most := 1 + int(time.Since(begun)/(10*time.Second)) // a busy machine is short of them for longer
	if lines := strings.Count(said, "cannot be accepted"); lines < 1 || lines > most {
		t.Errorf("%d lines of it, want %d at most", lines, most)
	}
}

// serveWith is the other process: it serves until its stdin ends.
func serveWith(t *testing.T, descriptors uint64) {
	limit := syscall.Rlimit{Cur: descriptors, Max: descriptors}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	s := serve(t, newShop(), func(c *Config, _ *Deps) { c.Log = zerolog.New(os.Stdout).Level(zerolog.ErrorLevel) })
	fmt.Println(s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startServer returns the address, what waits for the server's next line, and what
// ends the server and returns the rest.
func startServer(t *testing.T, server *exec.Cmd) (addr string, line, stop func() string) {
	t.Helper()
	stdin, _ := server.StdinPipe()
	stdout, _ := server.StdoutPipe()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill() }) // where the test did not get to its end
	output := bufio.NewReader(stdout)
	line = func() string {
		t.Helper()
		defer time.AfterFunc(time.Minute, func() { _ = server.Process.Kill() }).Stop()
		text, err := output.ReadString('\n')
		if err != nil {
			t.Fatalf("the server says nothing: %v", err)
		}
		return text
	}
	return strings.TrimSpace(line()), line, func() string {
		_ = stdin.Close()
		rest, _ := io.ReadAll(output)
		if err := server.Wait(); err != nil {
			t.Errorf("the server: %v\n%s", err, rest)
		}
		return string(rest)
	}
}

// plainClient is one connection that asks for /livez.
type plainClient struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dialHTTP(t *testing.T, addr string) *plainClient {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &plainClient{c, t, bufio.NewReader(c)}
}

func (c *plainClient) livez() {
	c.t.Helper()
	fmt.Fprint(c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		c.t.Fatalf("%s, %v", resp.Status, err)
	}
}
