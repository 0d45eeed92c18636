package main

import (
	"os"
	"testing"
	"testing/fstest"
)

const gib = 1 << 30

func machine(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestMemoryIsTheContainersOrHalfOfTheMachines(t *testing.T) {
	const meminfo = "MemTotal:       16777216 kB\nMemFree:        1 kB\n" // 16 GiB
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing is known": {nil, 0},
		"no control groups": {
			map[string]string{"proc/meminfo": meminfo}, 8 * gib,
		},
		"version 2, own namespace": {
			map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, gib,
		},
		"version 2, without a limit": {
			map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 8 * gib,
		},
		"version 2, the limit of the group around it": {
			map[string]string{
				"proc/meminfo": meminfo, "proc/self/cgroup": "0::/shop.slice/api.service\n",
				"sys/fs/cgroup/shop.slice/api.service/memory.max": "4294967296\n", "sys/fs/cgroup/shop.slice/memory.max": "2147483648\n",
			}, 2 * gib,
		},
		"version 2, under the host's name": {
			map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/kubepods/pod1/c1\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, gib,
		},
		"version 2, outside of the namespace": {
			map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/../../other\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, gib,
		},
		"version 1": {
			map[string]string{
				"proc/meminfo": meminfo, "proc/self/cgroup": "12:pids:/docker/c1\n5:cpu,cpuacct:/docker/c1\n4:memory:/docker/c1\n0::/docker/c1\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
			}, gib,
		},
		"version 1, without a limit": {
			map[string]string{
				"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			}, 8 * gib,
		},
		"both versions": {
			map[string]string{
				"proc/meminfo": meminfo, "proc/self/cgroup": "0::/docker/c1\n4:memory:/docker/c1\n",
				"sys/fs/cgroup/memory/docker/c1/memory.limit_in_bytes": "1073741824\n",
			}, gib,
		},
		"nonsense": {
			map[string]string{"proc/meminfo": "MemTotal: much\n", "proc/self/cgroup": "\n:\n0\n", "sys/fs/cgroup/memory.max": "-1"}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := memory(machine(c.files)); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestGoesOwnVariablesComeFirst(t *testing.T) {
	limited := map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n"}
	for name, c := range map[string]struct {
		environ []string
		files   map[string]string
		limit   int64
		percent int
	}{
		"neither":            {nil, limited, 900, gcPercent},
		"empty":              {[]string{"GOGC=", "GOMEMLIMIT="}, limited, 900, gcPercent},
		"GOGC":               {[]string{"GOGC=50"}, limited, 900, 0},
		"GOMEMLIMIT":         {[]string{"GOMEMLIMIT=1GiB"}, limited, 0, gcPercent},
		"both":               {[]string{"GOMEMLIMIT=off", "GOGC=100"}, limited, 0, 0},
		"memory not known":   {nil, nil, 0, 0},
		"a variable like it": {[]string{"GOGCX=1", "XGOGC=1"}, limited, 900, gcPercent},
	} {
		t.Run(name, func(t *testing.T) {
			if limit, percent := collector(c.environ, machine(c.files)); limit != c.limit || percent != c.percent {
				t.Errorf("got %d, %d, want %d, %d", limit, percent, c.limit, c.percent)
			}
		})
	}
}

func TestMemoryOfThisMachineIsKnown(t *testing.T) {
	if got := memory(os.DirFS("/")); got <= 0 {
		t.Errorf("got %d", got)
	}
}
