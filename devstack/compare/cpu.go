package main

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

// stat is a line of /proc/PID/stat as far as it is needed.
type stat struct {
	command  string
	parent   int
	own      float64 // CPU time in µs, user and system
	children float64 // that of the children which have ended
}

// readStat reads a process's line; false when there is none.
func readStat(pid int) (stat, bool) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	return parseStat(line)
}

// parseStat takes a line apart behind the command's closing parenthesis, for a
// command may hold spaces and parentheses itself.
func parseStat(line []byte) (s stat, ok bool) {
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
	s.command, s.parent = string(line[begin+1:end]), int(number(1))
	s.own, s.children = tick*(number(11)+number(12)), tick*(number(13)+number(14))
	return s, true
}

// processes reads them all, by id.
func processes() map[int]stat {
	all := map[int]stat{}
	files, _ := filepath.Glob("/proc/[0-9]*") // the pattern is a good one
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(file))
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok {
			all[pid] = s
		}
	}
	return all
}

// tree is what a server and its children have used, those that have ended
// included.
func tree(all map[int]stat, root int) float64 {
	sum := all[root].own + all[root].children
	for _, s := range all {
		if s.parent == root {
			sum += s.own + s.children
		}
	}
	return sum
}

// ancestor finds the process with that command that pid descends from.
func ancestor(all map[int]stat, pid int, command string) (int, bool) {
	for pid = all[pid].parent; pid > 0; pid = all[pid].parent {
		if all[pid].command == command {
			return pid, true
		}
	}
	return 0, false
}

// busy is the time that the machine's processors have worked, in µs.
func busy() float64 {
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
