package config

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What a value looks like is found out here, whatever its part of the service
// makes of it later: by then others have been dialled, and a start may have
// waited half a minute for what can never be reached.

// databaseURL wants what libpq takes: a URL, or words as in host=db user=x.
func databaseURL(s Secret) bool {
	if !strings.Contains(string(s), "://") {
		return strings.Contains(string(s), "=")
	}
	u, err := url.Parse(string(s))
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql")
}

// redisURL wants redis://host or rediss://host, with the number of a database
// behind it or none.
func redisURL(s Secret) bool {
	u, err := url.Parse(string(s))
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Host == "" {
		return false
	}
	number := strings.Trim(u.Path, "/")
	_, err = strconv.ParseUint(number, 10, 16)
	return number == "" || err == nil
}

func httpURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// origin wants scheme and host of a page, as browsers send them, or * for all.
func origin(s string) bool {
	u, err := url.Parse(s)
	return s == "*" || err == nil && httpURL(s) && s == u.Scheme+"://"+u.Host
}

// address wants a port behind a host or none, by its number or its service's name.
func address(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil || port == "" {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}

// topicName is what Kafka takes: 249 letters, with .dlq behind.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,245}$`)

func topic(s string) bool { return topicName.MatchString(s) && s != "." && s != ".." }

// secretly reports whether what is sent to an http or https URL stays between
// the two ends: with TLS, or on this machine.
func secretly(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || loopback(net.JoinHostPort(u.Hostname(), "")))
}

// extension wants name=value, of the letters that RFC 7628 allows.
var extension = regexp.MustCompile(`^[A-Za-z]+=[\x20-\x7E\t\r\n]+$`)

// different reports whether no two items are the same.
func different(items ...string) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(items)))) == len(items)
}

// every reports whether good accepts all items.
func every(items []string, good func(string) bool) bool {
	return !slices.ContainsFunc(items, func(s string) bool { return !good(s) })
}
