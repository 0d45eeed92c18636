package main

import (
	"bufio"
	"cmp"
	"context"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is where it was measured.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

func machine() Machine {
	return Machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Kernel: kernel(), Go: runtime.Version()}
}

func cpuModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return runtime.GOOS
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// Settings are what the servers say of themselves.
type Settings struct {
	Postgres          string `json:"postgres"`
	Fsync             string `json:"fsync"`
	SynchronousCommit string `json:"synchronousCommit"`
	Redis             string `json:"redis"`
	AppendOnly        string `json:"appendOnly"`
	Kafka             string `json:"kafka"`
	Service           string `json:"service"` // version
}

func (f *fleet) settings(ctx context.Context) (s Settings) {
	show := func(name string, into *string) {
		_ = f.backends.postgres.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(into) // an error leaves it out
	}
	show("server_version", &s.Postgres)
	show("fsync", &s.Fsync)
	show("synchronous_commit", &s.SynchronousCommit)
	if info, err := f.backends.info(ctx, "server"); err == nil {
		s.Redis = info["redis_version"]
	}
	s.AppendOnly = "off"
	if info, err := f.backends.info(ctx, "persistence"); err == nil && info["aof_enabled"] == "1" {
		s.AppendOnly = "on"
	}
	s.Kafka = cmp.Or(os.Getenv("KAFKA_KIND"), "external")
	s.Service = f.version(ctx)
	return s
}

// version is what the binary says of the commit that it was built from.
func (f *fleet) version(ctx context.Context) string {
	if f.admin == "" {
		return ""
	}
	body, err := fetch(ctx, "http://"+f.admin+"/metrics")
	if err != nil {
		return ""
	}
	_, text, _ := strings.Cut(string(body), `build_info{version="`)
	version, _, _ := strings.Cut(text, `"`)
	return version
}
