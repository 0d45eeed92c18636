package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// run starts a shell that prints a line and then behaves as script says.
func run(t *testing.T, script string) *Process {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	p, err := Start(Command{
		Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Log: log, Quit: syscall.SIGTERM,
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(p.Tail(), "ready"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the shell does not start")
		}
	}
	return p
}

func TestStopLetsAProcessEndItself(t *testing.T) {
	p := run(t, `trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.05; done`)
	if err := p.Stop(30 * time.Second); err != nil {
		t.Error(err)
	}
	if tail := p.Tail(); !strings.HasSuffix(tail, "bye") {
		t.Errorf("its log ends with %q", tail)
	}
}

func TestStopKillsAProcessThatWillNotEnd(t *testing.T) {
	p := run(t, `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
	if err := p.Stop(50 * time.Millisecond); err == nil {
		t.Error("it was killed and nobody was told")
	}
	<-p.Done()
}

func TestStaleProcessIsEndedAndAStrangerIsNot(t *testing.T) {
	cmd := exec.Command("sleep", "61.25")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	pidfile := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(pidfile, fmt.Appendf(nil, "%d\nmore\n", cmd.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := EndStale(pidfile, "redis-server", syscall.SIGTERM, time.Second); found || err != nil {
		t.Errorf("a stranger with the pid was taken for the server: %t, %v", found, err)
	}
	if found, err := EndStale(pidfile, "61.25", syscall.SIGTERM, 30*time.Second); !found || err != nil {
		t.Errorf("the stale process was not ended: %t, %v", found, err)
	}
	<-ended
}

func TestPidfileNamesTheProcess(t *testing.T) {
	dir := t.TempDir()
	pidfile := filepath.Join(dir, "pid")
	p, err := Start(Command{
		Name: "sleep", Path: "/bin/sleep", Args: []string{"61.75"},
		Log: filepath.Join(dir, "log"), PIDFile: pidfile, Quit: syscall.SIGTERM,
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if found, err := EndStale(pidfile, "61.75", syscall.SIGTERM, 30*time.Second); !found || err != nil {
		t.Errorf("the process of the pidfile was not ended: %t, %v", found, err)
	}
	<-p.Done()
}

func TestNothingIsStaleWithoutAPidfile(t *testing.T) {
	if found, err := EndStale(filepath.Join(t.TempDir(), "pid"), "", syscall.SIGTERM, time.Second); found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
}

func TestOwnPassesOverWhatVanishes(t *testing.T) {
	dir := t.TempDir()
	me := &User{UID: os.Getuid(), GID: os.Getgid()}
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%04d", i)) }
	for i := range 2000 {
		if err := os.WriteFile(name(i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removed := make(chan struct{})
	go func() {
		defer close(removed)
		for i := 1999; i >= 0; i-- {
			_ = os.Remove(name(i))
		}
	}()
	if err := me.Own(dir); err != nil {
		t.Error(err)
	}
	<-removed
	if err := me.Own(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing directory was given away")
	}
}
