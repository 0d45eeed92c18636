package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
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
	files, problems := readFiles(values)
	problems = slices.Concat(problems, renamed(values), unread(values), trim(values), parse(&c, values))
	c.files = files
	switch {
	case c.DatabaseURL == "":
		problems = append(problems, "DATABASE_URL is missing: the libpq URL of the Postgres database")
	case !databaseURL(c.DatabaseURL):
		problems = append(problems, "DATABASE_URL must be a libpq URL, postgres://user:password@host:port/database")
	}
	if c.DatabaseDirectURL != "" && !databaseURL(c.DatabaseDirectURL) {
		problems = append(problems, "DATABASE_DIRECT_URL must be a libpq URL, as DATABASE_URL")
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

// formerly names variables as they were called once. One that is still set would
// be passed over, and a connection made without what it asks for.
var formerly = [][2]string{
	{"TEMPORAL_TLS_CA", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"},
	{"TEMPORAL_TLS_CERT", "TEMPORAL_TLS_CLIENT_CERT_PATH"},
	{"TEMPORAL_TLS_KEY", "TEMPORAL_TLS_CLIENT_KEY_PATH"},
}

func renamed(values map[string]string) (problems Problems) {
	for _, name := range formerly {
		if values[name[0]] != "" {
			problems = append(problems, name[0]+" is called "+name[1]+" now")
		}
	}
	return problems
}

// standard names variables of Temporal's own tools that are not read here, each
// with what to do instead. Whoever sets one relies on it: passed over, it would
// leave the connection to another server than was meant, or less guarded.
var standard = [][2]string{
	{"TEMPORAL_CONFIG_FILE", "set what it says, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and so on"},
	{"TEMPORAL_PROFILE", "set what it says, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and so on"},
	{"TEMPORAL_TLS_CLIENT_CERT_DATA", "set TEMPORAL_TLS_CLIENT_CERT_PATH to a file that holds it"},
	{"TEMPORAL_TLS_CLIENT_KEY_DATA", "set TEMPORAL_TLS_CLIENT_KEY_PATH to a file that holds it"},
	{"TEMPORAL_TLS_SERVER_CA_CERT_DATA", "set TEMPORAL_TLS_SERVER_CA_CERT_PATH to a file that holds it"},
	{"TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "set TEMPORAL_TLS_SERVER_NAME to the name that the certificate has"},
}

// metadata begins the names of variables that each stand for a header.
const metadata = "TEMPORAL_GRPC_META_"

func unread(values map[string]string) (problems Problems) {
	for _, name := range standard {
		if values[name[0]] != "" {
			problems = append(problems, name[0]+" is not read here: "+name[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if strings.HasPrefix(name, metadata) && values[name] != "" {
			problems = append(problems, name+" is not read here: unset it, no header but the key of TEMPORAL_API_KEY is sent")
		}
	}
	return problems
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
