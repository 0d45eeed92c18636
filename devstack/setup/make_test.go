package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// clone is a folder with the Makefile, as somebody's clone, and a program of one line.
func clone(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "a clone")
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Makefile": string(makefile), "go.mod": "module m\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() {}\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// compile compiles the program as a target of the Makefile does.
func compile(t *testing.T, dir, path string) {
	t.Helper()
	cmd := exec.Command("make", "--no-print-directory", "-f", "Makefile", "--eval", "one: ; go build -o one .", "one")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+path, "GOFLAGS=", "GOENV=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestMakeTakesNoNoticeOfAWorkspaceAbove(t *testing.T) {
	dir := clone(t)
	write(t, filepath.Join(filepath.Dir(dir), "go.work"), "go 1.21\n")
	compile(t, dir, os.Getenv("PATH"))
}

// Git does not read a clone of another user, such as one that is mounted into a container; Go wanted to.
func TestMakeCompilesWhereGitRefusesToLook(t *testing.T) {
	dir, git := clone(t), t.TempDir()
	if out, err := exec.Command("git", "init", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write(t, filepath.Join(git, "git"), "#!/bin/sh\nexit 128\n")
	if err := os.Chmod(filepath.Join(git, "git"), 0o700); err != nil {
		t.Fatal(err)
	}
	compile(t, dir, git+":"+os.Getenv("PATH"))
}
