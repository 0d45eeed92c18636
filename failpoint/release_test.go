package failpoint

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// traces are what failpoints leave in a binary: names, and the functions that
// make the names of the saga's.
func traces() []string {
	return append(fixed(), "FAILPOINT", "order-service/failpoint.Names",
		"order-service/failpoint.ActivityBefore", "order-service/failpoint.Moved")
}

func TestReleaseBuildHasNoFailpoints(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for _, trace := range append(traces(), Names()...) {
		if bytes.Contains(binary, []byte(trace)) {
			t.Errorf("the release build contains %s", trace)
		}
	}
}

// Without this, the test above would also pass if it looked for the wrong things.
func TestFaultBuildHasEveryTraceThatTheReleaseBuildLacks(t *testing.T) {
	t.Parallel()
	binary := build(t, "-tags=failpoints")
	for _, trace := range traces() {
		if !bytes.Contains(binary, []byte(trace)) {
			t.Errorf("the build with failpoints does not contain %s", trace)
		}
	}
}

func build(t *testing.T, flags ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "order-service")
	args := append([]string{"build", "-o", path}, flags...)
	compile := exec.Command("go", append(args, "order-service")...)
	compile.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build, whose packages are compiled already
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
