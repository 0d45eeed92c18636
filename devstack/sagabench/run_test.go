package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"order-service/devstack/measure"
)

func TestEveryOrderIsConfirmedAndEveryFigureIsThere(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "order-service"), ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build order-service: %v\n%s", err, out)
	}
	file := filepath.Join(bin, "findings.json")
	var stdout, stderr bytes.Buffer
	code := tool().Run(t.Context(), []string{
		"--bin", bin, "--backlog=20", "--rounds=1", "--with=WORKER_POLLERS=2", "--provider=10ms", "--distance=2ms", "--json", file,
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
	if len(found.Slices) != 4 {
		t.Errorf("%d slices, want one of each of 4 contenders", len(found.Slices))
	}
	for _, s := range found.Slices {
		if s.First.Seconds <= 0 || s.Cost.Events < 5 || s.Cost.Tasks < 1 || s.Cost.Transitions < 3 || s.Contender != empty && s.Second.Done != 20 {
			t.Errorf("%+v", s)
		}
	}
}
