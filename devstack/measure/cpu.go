package measure

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tick is the unit of the times in /proc/PID/stat, which Linux fixes to 1/100 s
// for programs (proc(5)).
const tick = 10_000 // µs

// Stat is a line of /proc/PID/stat as far as it is needed.
type Stat struct {
	Command  string
	Parent   int
	Own      float64 // CPU time in µs, user and system
	Children float64 // that of the children which have ended
}

// ReadStat reads a process's line; false when there is none.
func ReadStat(pid int) (Stat, bool) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, false
	}
	return parseStat(line)
}

// parseStat takes a line apart behind the command's closing parenthesis, for a
// command may hold spaces and parentheses itself.
func parseStat(line []byte) (s Stat, ok bool) {
	begin, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if begin < 0 || end < begin {
		return s, false
	}
	fields := strings.Fields(string(line[end+1:]))
	if len(fields) < 15 {
		return s, false
	}
	number := func(i int) float64 {
		n, _ := strconv.ParseFloat(fields[i], 64) // the kernel writes numbers
		return n
	}
	s.Command, s.Parent = string(line[begin+1:end]), int(number(1))
	s.Own, s.Children = tick*(number(11)+number(12)), tick*(number(13)+number(14))
	return s, true
}

// Processes reads them all, by id.
func Processes() map[int]Stat {
	all := map[int]Stat{}
	files, _ := filepath.Glob("/proc/[0-9]*") // the pattern is a good one
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(file))
		if err != nil {
			continue
		}
		if s, ok := ReadStat(pid); ok {
			all[pid] = s
		}
	}
	return all
}

// Tree is what a server and its children have used, those that have ended
// included.
func Tree(all map[int]Stat, root int) float64 {
	sum := all[root].Own + all[root].Children
	for _, s := range all {
		if s.Parent == root {
			sum += s.Own + s.Children
		}
	}
	return sum
}

// Ancestor finds the process with that command that pid descends from.
func Ancestor(all map[int]Stat, pid int, command string) (int, bool) {
	for pid = all[pid].Parent; pid > 0; pid = all[pid].Parent {
		if all[pid].Command == command {
			return pid, true
		}
	}
	return 0, false
}

// Busy is the time that the machine's processors have worked, in µs.
func Busy() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return parseBusy(text)
}

// parseBusy adds up the first line's times: user, nice, system, and after idle
// and iowait those of interrupts. What a hypervisor took away is not work.
func parseBusy(text []byte) (sum float64) {
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line) {
		if i >= 1 && i <= 7 && i != 4 && i != 5 {
			n, _ := strconv.ParseFloat(field, 64) // the kernel writes numbers
			sum += tick * n
		}
	}
	return sum
}
