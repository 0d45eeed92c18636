package main

import (
	"io/fs"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// gcPercent lets the heap grow to five times what is in use before it is
// collected, Go's own 100 to twice. A sale leaves much that is used no more and
// little that is, so the collector would be most of the time at the same few
// megabytes. The memory limit is what makes it safe.
const gcPercent = 400

// tuneMemory tells the collector how much memory there is, so that it is at
// rest while there is plenty, and busy, instead of the process being killed,
// when there is not. GOMEMLIMIT and GOGC, which Go itself reads, come first.
func tuneMemory(environ []string, system fs.FS) {
	limit, percent := collector(environ, system)
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	if percent > 0 {
		debug.SetGCPercent(percent)
	}
}

// collector returns the memory limit, in bytes, and the GC percentage to set; 0
// leaves one as it is. A tenth of the memory stays free, for what the collector
// does not count.
func collector(environ []string, system fs.FS) (limit int64, percent int) {
	limit = memory(system) / 10 * 9
	if limit > 0 && !sets(environ, "GOGC") {
		percent = gcPercent
	}
	if sets(environ, "GOMEMLIMIT") {
		limit = 0
	}
	return limit, percent
}

func sets(environ []string, name string) bool {
	return slices.ContainsFunc(environ, func(variable string) bool {
		return strings.HasPrefix(variable, name+"=") && len(variable) > len(name)+1
	})
}

// memory is how much this process may use: what its container may, or else half
// of the machine's, where it will not be alone. 0: not known.
func memory(system fs.FS) int64 {
	machine := machineMemory(system)
	if limit := cgroupLimit(system); limit > 0 && (limit < machine || machine == 0) {
		return limit
	}
	return machine / 2
}

// machineMemory reads proc_meminfo(5).
func machineMemory(system fs.FS) int64 {
	text, _ := fs.ReadFile(system, "proc/meminfo")
	for line := range strings.Lines(string(text)) {
		if total, found := strings.CutPrefix(line, "MemTotal:"); found {
			return 1024 * number(strings.TrimSuffix(strings.TrimSpace(total), " kB"))
		}
	}
	return 0
}

// cgroupLimit is the memory limit of the process' control group (cgroups(7), of
// either version); 0: none.
func cgroupLimit(system fs.FS) int64 {
	groups, _ := fs.ReadFile(system, "proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch {
		case controllers == "": // version 2; before it where both are mounted, and without memory
			if limit := smallest(system, "sys/fs/cgroup", group, "memory.max"); limit > 0 {
				return limit
			}
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			return smallest(system, "sys/fs/cgroup/memory", group, "memory.limit_in_bytes")
		}
	}
	return 0
}

// smallest is the least limit of a group and of those around it. In a container
// the group's name may be the host's, and only the last of them be there.
func smallest(system fs.FS, mount, group, file string) (limit int64) {
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		text, _ := fs.ReadFile(system, path.Join(mount, dir, file))
		if n := number(strings.TrimSpace(string(text))); n > 0 && (n < limit || limit == 0) { // "max" is none
			limit = n
		}
		if dir == "/" {
			return limit
		}
	}
}

// number is the number that text is, else 0.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
