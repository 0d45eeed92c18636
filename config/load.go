package config

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Problems is every reason why a configuration cannot be used, one line each,
// each naming its variable.
type Problems []string

// Error returns the problems, a line each.
func (p Problems) Error() string { return strings.Join(p, "\n") }

// Load reads environ (as os.Environ gives it) and checks what every use of the
// binary needs. A role that is not empty overrides ROLE. The error is Problems.
func Load(environ []string, role string) (Config, error) {
	values := env.ToMap(environ)
	if role != "" {
		values["ROLE"] = role
	}
	var c Config
	problems := append(trim(values), parse(&c, values)...)
	switch {
	case c.DatabaseURL == "":
		problems = append(problems, "DATABASE_URL is missing: the libpq URL of the Postgres database")
	case !databaseURL(c.DatabaseURL):
		problems = append(problems, "DATABASE_URL must be a libpq URL, postgres://user:password@host:port/database")
	}
	if len(problems) > 0 {
		return Config{}, problems
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + browsable(c.HTTPAddr)
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	return c, nil
}

func parse(c *Config, values map[string]string) Problems {
	err := env.ParseWithOptions(c, env.Options{Environment: values})
	if err == nil {
		return nil
	}
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return Problems{err.Error()}
	}
	var problems Problems
	for _, err := range aggregate.Errors {
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			problems = append(problems, fmt.Sprintf("%s cannot be read: %v", variable(parse.Name), parse.Err))
			continue
		}
		problems = append(problems, err.Error())
	}
	return problems
}

// variable names the environment variable behind a field of Config.
func variable(field string) string {
	if f, ok := reflect.TypeFor[Config]().FieldByName(field); ok {
		return f.Tag.Get("env")
	}
	return field
}

// browsable turns a listen address into one a browser can open.
func browsable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// loopback reports whether a listener on addr is reachable from this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
