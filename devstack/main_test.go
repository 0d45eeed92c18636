package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// elsewhere is an environment in which nothing is left to start.
var elsewhere = []string{
	"PATH=" + os.Getenv("PATH"),
	"DATABASE_URL=postgres://db", "REDIS_URL=redis://cache", "KAFKA_BOOTSTRAP=kafka:9092", "TEMPORAL_ADDRESS=temporal:7233",
}

// devstack runs the program with args and no backends of its own.
func devstack(t *testing.T, signals chan os.Signal, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, elsewhere, signals, &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitStatusIsTheCommands(t *testing.T) {
	for want, command := range map[int][]string{
		0:            {"true"},
		7:            {"sh", "-c", "exit 7"},
		128 + 9:      {"sh", "-c", "kill -9 $$"},
		exitNotFound: {"no-such-command-here"},
	} {
		if code, _, stderr := devstack(t, nil, append([]string{"--"}, command...)...); code != want {
			t.Errorf("%q: exit status %d, want %d\n%s", command, code, want, stderr)
		}
	}
}

func TestCommandThatCannotRunIsToldFromOneThatIsMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := devstack(t, nil, "--", file); code != exitCannotExec {
		t.Errorf("exit status %d, want %d", code, exitCannotExec)
	}
}

func TestSignalsReachTheCommand(t *testing.T) {
	signals := make(chan os.Signal, 1)
	ready := filepath.Join(t.TempDir(), "ready")
	go func() {
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(ready); err == nil {
				break
			}
		}
		signals <- syscall.SIGTERM
	}()
	code, _, stderr := devstack(t, signals, "--", "sh", "-c", `trap 'exit 42' TERM; touch "$0"; while :; do sleep 0.05; done`, ready)
	if code != 42 {
		t.Errorf("exit status %d, want that of the trap, 42\n%s", code, stderr)
	}
}

// nohup make run went down with the terminal all the same.
func TestWhatIsToOutliveItsTerminalDoes(t *testing.T) {
	dir := t.TempDir()
	ready, on := filepath.Join(dir, "ready"), filepath.Join(dir, "on")
	cmd := exec.Command("sh", "-c", `trap '' HUP; exec "$0" "$@"`,
		os.Args[0], "--", "sh", "-c", `touch "$0"; until [ -e "$1" ]; do sleep 0.05; done; exit 7`, ready, on)
	cmd.Env = append(slices.Clone(elsewhere), part+"=devstack")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ready); err == nil {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Error(err)
	}
	time.Sleep(200 * time.Millisecond) // for it to be passed on
	if err := os.WriteFile(on, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("it ended with %v", err)
	}
}

// A demonstration that other machines may see prints and pays by an address that a browser can open.
func TestDemoOnEveryAddressIsReachedByAName(t *testing.T) {
	stack, err := newStack(options{data: t.TempDir(), demo: true}, append(slices.Clone(elsewhere), "HTTP_ADDR=:0"), newLog(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	defer stack.stop()
	if got := stack.env["PUBLIC_URL"]; got != "http://localhost:0" {
		t.Errorf("PUBLIC_URL=%s", got)
	}
}

func TestAddressesOfTheEnvironmentAreLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if code, _, stderr := devstack(t, nil, "--", "sh", "-c", `env > "$0"`, file); code != 0 {
		t.Fatalf("exit status %d\n%s", code, stderr)
	}
	env, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range elsewhere {
		if !strings.Contains(string(env), pair+"\n") {
			t.Errorf("%s is missing from the command's environment", pair)
		}
	}
}

func TestWrongOptionsAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{{"--bogus"}, {"--temporal=mysql", "--", "true"}, {"--kafka=nats", "--", "true"}, {"--demo"}, {"--sale", "--", "true"}, {"--demo", "--sale=none", "--", "true"}, {"--redis-port=70000", "--", "true"}} {
		if code, _, stderr := devstack(t, nil, args...); code != exitUsage || stderr == "" {
			t.Errorf("%q: exit status %d, want %d with a reason; got %q", args, code, exitUsage, stderr)
		}
	}
}

func TestHelpGoesToStandardOutput(t *testing.T) {
	if code, stdout, _ := devstack(t, nil, "--help"); code != 0 || stdout != usage {
		t.Errorf("exit status %d, output %q", code, stdout)
	}
}

func TestSecondDevstackOnADirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	log := newLog(os.Stderr)
	first, err := newStack(options{data: dir}, elsewhere, log)
	if err != nil {
		t.Fatal(err)
	}
	defer first.stop()
	if _, err := newStack(options{data: dir}, elsewhere, log); err == nil {
		t.Error("two at once")
	}
}

func TestSecretsAreGeneratedOnceAndPrivate(t *testing.T) {
	dir := t.TempDir()
	first, err := loadSecrets(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := loadSecrets(dir)
	if err != nil || first != second {
		t.Errorf("second load: %v, equal %t", err, first == second)
	}
	info, err := os.Stat(filepath.Join(dir, "secrets.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secrets.json has mode %v, %v", info.Mode(), err)
	}
	if len(first.JWT) < 32 || !strings.HasPrefix(first.Webhook, "whsec_") {
		t.Errorf("unusable secrets %+v", first)
	}
}
