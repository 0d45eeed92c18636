package measure

import (
	"os"
	"testing"
	"time"
)

func TestStatIsReadBehindACommandWithParentheses(t *testing.T) {
	s, ok := parseStat([]byte("42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 11 22 33 44 20 0 1 0 99\n"))
	if want := (Stat{Command: "a (b) c", Parent: 7, Own: 330_000, Children: 770_000}); !ok || s != want {
		t.Errorf("%+v %t, want %+v", s, ok, want)
	}
	for _, line := range []string{"", "42 ()", "42 (sh) S 1 2 3", ") ("} {
		if s, ok := parseStat([]byte(line)); ok {
			t.Errorf("%q was read as %+v", line, s)
		}
	}
}

func TestTreeCountsChildrenAndThoseThatHaveEnded(t *testing.T) {
	all := map[int]Stat{
		1: {Own: 1, Children: 10}, 2: {Parent: 1, Own: 100, Children: 1000}, 3: {Parent: 2, Own: 10_000}, 4: {Own: 100_000},
	}
	if got := Tree(all, 1); got != 1111 {
		t.Errorf("%v, want 1111", got)
	}
}

func TestAncestorIsFoundByItsCommand(t *testing.T) {
	all := map[int]Stat{1: {Command: "init"}, 2: {Command: "devstack", Parent: 1}, 3: {Command: "sh", Parent: 2}, 4: {Parent: 3}}
	if pid, found := Ancestor(all, 4, "devstack"); !found || pid != 2 {
		t.Errorf("%d %t, want 2", pid, found)
	}
	if pid, found := Ancestor(all, 4, "java"); found {
		t.Errorf("found %d", pid)
	}
}

func TestThisProcessUsesTime(t *testing.T) {
	before := Processes()[os.Getpid()]
	after := before
	for begun := time.Now(); after.Own <= before.Own && time.Since(begun) < 30*time.Second; { // a busy machine has little to give
		after = Processes()[os.Getpid()]
	}
	if after.Own <= before.Own || after.Parent != os.Getppid() {
		t.Errorf("%+v and then %+v", before, after)
	}
}

func TestBusyLeavesOutIdleAndStolenTime(t *testing.T) {
	if got := parseBusy([]byte("cpu  1 2 4 8 16 32 64 128 256 512\ncpu0 1 1 1 1\n")); got != (1+2+4+32+64)*tick {
		t.Errorf("%v ticks", got/tick)
	}
}
