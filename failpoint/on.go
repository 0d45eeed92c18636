//go:build failpoints

package failpoint

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Enabled says whether this build has failpoints.
const Enabled = true

// variable is read here and not by config, which the release build has too.
const variable = "FAILPOINT"

const defaultDelay = time.Second

// point is what happens at one place.
type point struct {
	action string
	delay  time.Duration
	left   atomic.Int64 // times it is still to act
}

// points is never changed after the start.
var points map[string]*point

func init() {
	var err error
	if points, err = parse(os.Getenv(variable)); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", variable, err)
		os.Exit(2)
	}
}

// Hit does what the environment wants at the place called name. Its error is
// one that may pass with time.
func Hit(name string) error {
	p := points[name]
	if p == nil || p.left.Add(-1) < 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "failpoint %s: %s\n", name, p.action)
	switch p.action {
	case "kill":
		kill()
	case "delay":
		time.Sleep(p.delay)
	case "error":
		return fmt.Errorf("failpoint %s", name)
	}
	return nil
}

// After is Hit behind a step that returned err: it returns that error, or
// where there is none, Hit's.
func After(name string, err error) error {
	if err != nil {
		return err
	}
	return Hit(name)
}

// kill ends the process as the kernel does. The signal may take a moment to
// arrive, and until then nothing more may happen here.
func kill() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "failpoint: cannot kill this process:", err)
		os.Exit(3)
	}
	select {}
}

// parse reads name=action[:duration][*count],….
func parse(text string) (map[string]*point, error) {
	points := map[string]*point{}
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		name, what, _ := strings.Cut(field, "=")
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("%q is no failpoint; there are %s", name, strings.Join(Names(), ", "))
		}
		p, err := parsePoint(what)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		points[name] = p
	}
	return points, nil
}

func parsePoint(what string) (*point, error) {
	what, times, counted := strings.Cut(what, "*")
	action, length, timed := strings.Cut(what, ":")
	count, err := strconv.ParseInt(cmp.Or(times, "1"), 10, 64)
	if err != nil || count < 1 || counted && times == "" {
		return nil, fmt.Errorf("%q is not how often; it has to be a number from 1", times)
	}
	p := &point{action: action, delay: defaultDelay}
	p.left.Store(count)
	switch {
	case action != "kill" && action != "error" && action != "delay":
		return nil, fmt.Errorf("%q is no action; there are kill, error and delay", action)
	case !timed:
		return p, nil
	case action != "delay":
		return nil, fmt.Errorf("%s takes no duration", action)
	}
	if p.delay, err = time.ParseDuration(length); err != nil {
		return nil, err
	}
	return p, nil
}
