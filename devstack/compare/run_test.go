package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"order-service/devstack/measure"
)

// build compiles the servers that are compared into a folder of the test's.
func build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for binary, source := range map[string]string{"order-service": filepath.Join("..", ".."), "peer": filepath.Join("..", "peer")} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, binary), ".")
		cmd.Dir = source
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", binary, err, out)
		}
	}
	return dir
}

func TestComparisonTellsOfEveryoneAndLosesNothing(t *testing.T) {
	bin := build(t)
	file := filepath.Join(bin, "findings.json")
	var stdout, stderr bytes.Buffer
	code := tool().Run(t.Context(), []string{
		"--bin", bin, "--against", bin, "--slices=2", "--slice=500ms", "--warmup=500ms", "--connections=16", "--buyers=100", "--json", file,
	}, &stdout, &stderr)
	if code != measure.ExitOK {
		t.Fatalf("exit status %d\n%s\n%s", code, &stderr, &stdout)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found findings
	if err := json.Unmarshal(data, &found); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		list := of(found.Slices, name)
		if len(list) != 2 {
			t.Errorf("%d slices of %s, want 2", len(list), name)
		}
		for _, s := range list {
			if s.Done == 0 || s.P99 <= 0 || s.Meters[cpuLoad] <= 0 {
				t.Errorf("%+v", s)
			}
		}
	}
	for _, s := range of(found.Slices, service) {
		if s.Meters[commits] <= 0 || s.Meters[walBytes] <= 0 || s.Meters[redisCalls] <= 0 || s.Meters[rowOrders] < float64(s.Done) {
			t.Errorf("the meters of %s show %v", s.Contender, s.Meters)
		}
	}
	if found.Settings.SynchronousCommit != "on" || found.Settings.Kafka == "" {
		t.Errorf("settings %+v", found.Settings)
	}
}

func TestServerThatCannotBeStartedIsNamed(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := tool().Run(t.Context(), []string{"--bin", t.TempDir(), "--only=naive"}, &stdout, &stderr)
	if code != measure.ExitFailed || !strings.Contains(stderr.String(), "start naive") {
		t.Errorf("exit status %d, %s", code, &stderr)
	}
}
