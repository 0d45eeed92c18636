package config

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// FuzzLoad: whatever the environment is, it is a configuration that can be
// judged, or every problem names a variable.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"DATABASE_URL=postgres://\nROLE=api\nPAYMENT_TIMEOUT=15m",
		"DATABASE_URL=x\nROLE=\nHTTP_ADDR=[::1]:8080\nPUBLIC_URL=http://%\nKAFKA_BOOTSTRAP=,\nPAYMENT_WEBHOOK_SECRET=whsec_,",
		"SHUTDOWN_DELAY=1d\nALLOW_DEMO=ja\nRATE_LIMIT_USER_RPS=NaN\nSSE_MAX_STREAMS=1e9\nKAFKA_REPLICATION=99999",
		"=\n==\nDATABASE_URL",
	} {
		f.Add(seed)
	}
	named := regexp.MustCompile(`^[A-Z][A-Z_]+ `)
	f.Fuzz(func(t *testing.T, environ string) {
		c, err := Load(strings.Split(environ, "\n"), "")
		if err == nil {
			err = c.Validate()
		}
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("%q: %v", environ, err)
		}
		for _, problem := range problems {
			if !named.MatchString(problem) {
				t.Errorf("%q: %q names no variable", environ, problem)
			}
		}
	})
}
