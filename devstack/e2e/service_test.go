package e2e

import (
	"bytes"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"order-service/devstack/process"
)

// service is one running order-service.
type service struct {
	shop *shop
	name string // role and address
	addr string
	url  string
	cmd  *exec.Cmd
	log  logBuffer
	done chan struct{}
	err  error // of the process, once done is closed
}

// start runs a service with role and waits until it is ready.
func (s *shop) start(role string) *service {
	s.t.Helper()
	return s.startAt(freeAddr(s.t), suite.binary, role, nil)
}

// startAt is start for the one who chooses address and binary, and has more to
// say to the service in its environment.
func (s *shop) startAt(addr, binary, role string, env map[string]string) *service {
	s.t.Helper()
	svc := &service{shop: s, name: role + " on " + addr, addr: addr, url: "http://" + addr, done: make(chan struct{})}
	svc.cmd = exec.Command(binary, "--role="+role)
	svc.cmd.Env = s.environ(map[string]string{"HTTP_ADDR": addr, "PUBLIC_URL": "http://" + addr}, env)
	svc.cmd.Stdout, svc.cmd.Stderr = &svc.log, &svc.log
	svc.cmd.SysProcAttr = process.Attributes(syscall.SIGKILL, true)
	if err := svc.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { svc.err = svc.cmd.Wait(); close(svc.done) }()
	s.services = append(s.services, svc)
	if role != "worker" {
		s.url = svc.url
	}
	svc.waitReady()
	return svc
}

func (svc *service) waitReady() {
	svc.shop.t.Helper()
	deadline := time.After(patience)
	for {
		resp, err := http.Get(svc.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-svc.done:
			svc.shop.t.Fatalf("%s ended: %v", svc.name, svc.err)
		case <-deadline:
			svc.shop.t.Fatalf("%s is not ready: %v", svc.name, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the service as a deployment does. It must finish its work within
// 15 seconds and exit with 0.
func (svc *service) stop() {
	svc.shop.t.Helper()
	if svc.ended() {
		return
	}
	_ = svc.cmd.Process.Signal(syscall.SIGTERM) // it may just have ended
	select {
	case <-svc.done:
		if svc.err != nil {
			svc.shop.t.Errorf("%s after SIGTERM: %v", svc.name, svc.err)
		}
	case <-time.After(20 * time.Second):
		svc.kill()
		svc.shop.t.Errorf("%s did not end within 20 s of SIGTERM", svc.name)
	}
}

// kill ends the service as a crash does.
func (svc *service) kill() {
	_ = svc.cmd.Process.Kill() // it may just have ended
	<-svc.done
}

func (svc *service) ended() bool {
	select {
	case <-svc.done:
		return true
	default:
		return false
	}
}

// logBuffer keeps a process's output for the report of a failure.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p; it never fails.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// has reports whether text was written.
func (b *logBuffer) has(text string) bool { return b.count(text) > 0 }

// count is how often text was written.
func (b *logBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Count(b.buf.Bytes(), []byte(text))
}

// tail returns the last 16 KiB.
func (b *logBuffer) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.buf.Bytes()
	return string(out[max(0, len(out)-16<<10):])
}
