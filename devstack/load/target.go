package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
)

// target is the service that is put under load.
type target struct {
	url     string      // scheme://host
	host    string      // of the Host header
	address string      // host:port to connect to
	tls     *tls.Config // nil: plain HTTP
}

// parseTarget takes http and https URLs of a service at the root of its host.
func parseTarget(raw string, insecure bool) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, fmt.Errorf("--url: %w", err)
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if port == "" || u.Hostname() == "" {
		return target{}, fmt.Errorf("--url=%s is not like http://host:port", raw)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		return target{}, errors.New("--url is a scheme, a host and a port only")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	t := target{url: u.Scheme + "://" + u.Host, host: u.Host, address: net.JoinHostPort(u.Hostname(), port)}
	if u.Scheme == "https" {
		t.tls = &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: insecure, NextProtos: []string{"http/1.1"}}
	}
	return t, nil
}
