package saga

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"go.temporal.io/sdk/worker"
)

// A chroot without /proc looks the same: the program cannot read its own file.
func TestWorkerIsMadeThoughItsProgramCannotBeRead(t *testing.T) {
	const child = "PROGRAM_THAT_REMOVES_ITSELF"
	if path := os.Getenv(child); path != "" {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		makeWorker(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "saga.test")
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(path, "-test.run=^"+t.Name()+"$")
	run.Env = append(os.Environ(), child+"="+path)
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// makeWorker goes as far as a worker gets without a server.
func makeWorker(t *testing.T) {
	c, err := Dial(Config{Address: "127.0.0.1:1", Namespace: "default", TaskQueue: "test", Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := NewWorker(c, WorkerConfig{}, Deps{})
	defer w.Stop()
	worker.New(c.temporal, "test", w.options(make(chan error, 1)))
}
