package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestOptionsMayStandOnBothSidesOfTheScenario(t *testing.T) {
	o, err := parse([]string{"--rate", "50", "stampede", "--within=2s"})
	if err != nil || o.Scenario != stampede || o.Rate != 50 || o.Within != 2*time.Second {
		t.Errorf("%+v, %v", o, err)
	}
	if o.Buyers != 100_000 || o.Units != 1000 {
		t.Errorf("%d buyers for %d units by default", o.Buyers, o.Units)
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for args, want := range map[string]string{
		"":                             "which scenario",
		"riot":                         `"riot"`,
		"accept poll":                  `"poll"`,
		"accept --rate=0":              "--rate",
		"accept --verify=perhaps":      "--verify=perhaps",
		"accept --speed=9":             "-speed",
		"poll --overload":              "--overload",
		"accept --overload --closed=9": "--overload",
		"accept --buyers=-1":           "--buyers",
		"accept --url=ftp://shop":      "--url=ftp://shop",
		"accept --url=http://shop/api": "--url",
		"accept --url=shop:8080":       "--url",
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(args), environment(), &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: exit status %d: %s; want %s named", args, code, errs.String(), want)
		}
	}
}

func TestHelpIsNoFailure(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, environment(), &out, &errs); code != exitOK || out.String() != usage {
		t.Errorf("exit status %d: %s", code, errs.String())
	}
}

func TestTargetsOfURLs(t *testing.T) {
	for url, want := range map[string]target{
		"http://127.0.0.1:8080": {url: "http://127.0.0.1:8080", host: "127.0.0.1:8080", address: "127.0.0.1:8080"},
		"http://shop.example/":  {url: "http://shop.example", host: "shop.example", address: "shop.example:80"},
		"https://shop.example":  {url: "https://shop.example", host: "shop.example", address: "shop.example:443"},
		"https://[::1]:8443":    {url: "https://[::1]:8443", host: "[::1]:8443", address: "[::1]:8443"},
	} {
		got, err := parseTarget(url, false)
		if secure := got.tls != nil; err != nil || secure != strings.HasPrefix(url, "https") {
			t.Errorf("%s: TLS %v, %v", url, secure, err)
		}
		if got.tls = nil; got != want {
			t.Errorf("%s: %+v, want %+v", url, got, want)
		}
	}
}
