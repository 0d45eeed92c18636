package main

import (
	"cmp"
	"context"
	"os"
	"strings"

	"order-service/devstack/measure"
)

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
	if f.admin[service] == "" {
		return ""
	}
	body, err := measure.Fetch(ctx, "http://"+f.admin[service]+"/metrics")
	if err != nil {
		return ""
	}
	_, text, _ := strings.Cut(string(body), `build_info{version="`)
	version, _, _ := strings.Cut(text, `"`)
	return version
}
