package saga

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/rs/zerolog"
	"go.temporal.io/sdk/worker"
)

func TestABuildIsNamedByItsCommitAlone(t *testing.T) {
	t.Parallel()
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "5a2a4a7"}
	clean, changed := debug.BuildSetting{Key: "vcs.modified", Value: "false"}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for want, settings := range map[string][]debug.BuildSetting{
		"5a2a4a7": {commit, clean},
		"":        {commit, changed},
	} {
		if got := revision(settings); got != want {
			t.Errorf("%v: %q, want %q", settings, got, want)
		}
	}
	if got := revision(nil); got != "" {
		t.Errorf("built outside of a repository: %q", got)
	}
}

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
