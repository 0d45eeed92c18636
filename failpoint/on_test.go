//go:build failpoints

package failpoint

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// use has points act as FAILPOINT=text would, until the test ends.
func use(t *testing.T, text string) {
	t.Helper()
	parsed, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	before := points
	points = parsed
	t.Cleanup(func() { points = before })
}

func TestErrorIsReturnedAsOftenAsAskedFor(t *testing.T) {
	use(t, "intake.held=error*3,relay.publish.before=error")
	var failed atomic.Int32
	var hitting sync.WaitGroup
	for range 50 {
		hitting.Go(func() {
			if Hit(IntakeHeld) != nil {
				failed.Add(1)
			}
		})
	}
	hitting.Wait()
	if n := failed.Load(); n != 3 {
		t.Errorf("failed %d times, want 3", n)
	}
	if Hit(RelayPublishBefore) == nil || Hit(RelayPublishBefore) != nil {
		t.Error("without a count it has to fail once")
	}
	if err := Hit(IntakeCommitAfter); err != nil {
		t.Errorf("a point that is not named: %v", err)
	}
}

func TestAfterKeepsTheErrorOfTheStep(t *testing.T) {
	use(t, "intake.held=error")
	broken := errors.New("broken")
	if err := After(IntakeHeld, broken); err != broken {
		t.Errorf("got %v", err)
	}
	if After(IntakeHeld, nil) == nil {
		t.Error("a step that failed counts as a hit")
	}
}

func TestDelayWaits(t *testing.T) {
	use(t, "intake.held=delay:30ms*2")
	begun := time.Now()
	for range 3 {
		if err := Hit(IntakeHeld); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(begun); took < 60*time.Millisecond {
		t.Errorf("two delays took %s", took)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for text, says := range map[string]string{
		"intake.hold=kill":             `"intake.hold"`,
		"intake.held=explode":          `"explode"`,
		"intake.held":                  `""`,
		"intake.held=kill*0":           `"0"`,
		"intake.held=kill*":            `""`,
		"intake.held=kill*many":        `"many"`,
		"intake.held=error:1s":         "error",
		"intake.held=delay:soon":       `"soon"`,
		"intake.held=kill,nowhere=yes": `"nowhere"`,
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %s", text, err, says)
		}
	}
}

// asChild runs this test's own binary again with FAILPOINT=text.
func asChild(t *testing.T, text string) (string, *exec.ExitError) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"="+text)
	out, err := cmd.CombinedOutput()
	exit, _ := errors.AsType[*exec.ExitError](err)
	return string(out), exit
}

func TestKillEndsTheProcessAsByKillNine(t *testing.T) {
	if os.Getenv(variable) != "" {
		_ = Hit(IntakeHeld)
		t.Fatal("this process lives on")
	}
	out, exit := asChild(t, "intake.held=kill")
	if exit == nil || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v", exit)
	}
	if out != "failpoint intake.held: kill\n" {
		t.Errorf("it said %q", out)
	}
}

func TestUnknownActionEndsTheStart(t *testing.T) {
	if os.Getenv(variable) != "" {
		t.Fatal("it started")
	}
	out, exit := asChild(t, "intake.held=explode")
	if exit == nil || exit.ExitCode() != 2 || !strings.Contains(out, `FAILPOINT: intake.held: "explode" is no action`) {
		t.Errorf("ended with %v, saying %q", exit, out)
	}
}
