package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"order-service/devstack/measure"
)

var errHelp = errors.New("help was asked for")

// The scenarios.
const (
	accept   = "accept"
	stampede = "stampede"
	poll     = "poll"
	mixed    = "mixed"
	buyer    = "buyer"
)

// Ways to verify.
const (
	verifyAuto   = "auto"
	verifyIntake = "intake"
	verifyFull   = "full"
	verifyOff    = "off"
)

type options struct {
	Scenario    string        `json:"scenario"`
	URL         string        `json:"url"`
	Insecure    bool          `json:"insecure,omitempty"`
	Rate        float64       `json:"rate"` // requests a second
	Duration    time.Duration `json:"-"`
	Patience    time.Duration `json:"-"`
	Connections int           `json:"connections,omitempty"` // 0: by the rate
	Buyers      int           `json:"buyers"`
	Units       int64         `json:"units"`
	Within      time.Duration `json:"-"`
	Waves       int           `json:"waves,omitempty"`
	Streams     int           `json:"streams,omitempty"`
	Storms      time.Duration `json:"-"` // between two in which all streams break; 0: none
	Keys        bool          `json:"keys,omitempty"`
	Closed      int           `json:"closed,omitempty"` // connections of a closed loop; 0: an open one
	Overload    bool          `json:"overload,omitempty"`
	Factor      float64       `json:"factor,omitempty"`
	Verify      string        `json:"verify"`
	Settle      time.Duration `json:"-"`
	Binary      string        `json:"-"`
	JSON        bool          `json:"-"`
}

// parse reads options that stand before the scenario or behind it.
func parse(args []string) (options, error) {
	var o options
	set := o.flags()
	err := set.Parse(args)
	if rest := set.Args(); err == nil && len(rest) > 0 {
		o.Scenario = rest[0]
		err = set.Parse(rest[1:])
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return o, errHelp
	case err != nil:
		return o, err
	case set.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if o.Buyers == 0 {
		o.Buyers = 20_000
		if o.Scenario == stampede {
			o.Buyers = 100_000
		}
	}
	return o, o.check()
}

func (o *options) flags() *flag.FlagSet {
	set := flag.NewFlagSet("load", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.URL, "url", "http://127.0.0.1:8080", "")
	set.BoolVar(&o.Insecure, "insecure", false, "")
	set.Float64Var(&o.Rate, "rate", 1000, "")
	set.DurationVar(&o.Duration, "duration", 30*time.Second, "")
	set.DurationVar(&o.Patience, "patience", 10*time.Second, "")
	set.IntVar(&o.Connections, "connections", 0, "")
	set.IntVar(&o.Buyers, "buyers", 0, "")
	set.Int64Var(&o.Units, "units", 1000, "")
	set.DurationVar(&o.Within, "within", time.Second, "")
	set.IntVar(&o.Waves, "waves", 10, "")
	set.IntVar(&o.Streams, "streams", 0, "")
	set.DurationVar(&o.Storms, "storms", 0, "")
	set.BoolVar(&o.Keys, "keys", false, "")
	set.IntVar(&o.Closed, "closed", 0, "")
	set.BoolVar(&o.Overload, "overload", false, "")
	set.Float64Var(&o.Factor, "factor", 2, "")
	set.StringVar(&o.Verify, "verify", verifyAuto, "")
	set.DurationVar(&o.Settle, "settle", time.Minute, "")
	set.StringVar(&o.Binary, "binary", filepath.Join(measure.Beside(), "order-service"), "")
	set.BoolVar(&o.JSON, "json", false, "")
	return set
}

// MarshalJSON writes durations as they are given.
func (o options) MarshalJSON() ([]byte, error) {
	type plain options
	return json.Marshal(struct {
		plain
		Duration string `json:"duration"`
		Patience string `json:"patience"`
		Within   string `json:"within"`
		Storms   string `json:"storms"`
		Settle   string `json:"settle"`
	}{plain(o), o.Duration.String(), o.Patience.String(), o.Within.String(), o.Storms.String(), o.Settle.String()})
}

func (o options) check() error {
	scenarios := []string{accept, stampede, poll, mixed, buyer}
	ways := []string{verifyAuto, verifyIntake, verifyFull, verifyOff}
	switch {
	case o.Scenario == "":
		return fmt.Errorf("which scenario: %s?", strings.Join(scenarios, ", "))
	case !slices.Contains(scenarios, o.Scenario):
		return fmt.Errorf("%q is none of the scenarios %s", o.Scenario, strings.Join(scenarios, ", "))
	case !slices.Contains(ways, o.Verify):
		return fmt.Errorf("--verify=%s is none of %s", o.Verify, strings.Join(ways, ", "))
	case o.Rate <= 0 || o.Duration <= 0 || o.Within <= 0 || o.Factor <= 0 || o.Patience <= 0:
		return errors.New("--rate, --duration, --patience, --within and --factor are more than 0")
	case o.Buyers < 1 || o.Units < 1 || o.Waves < 1:
		return errors.New("--buyers, --units and --waves are at least 1")
	case o.Closed < 0 || o.Streams < 0 || o.Connections < 0 || o.Storms < 0:
		return errors.New("--closed, --streams, --storms and --connections are not less than 0")
	case o.Streams > 0 && (o.Overload || o.Scenario != mixed && o.Scenario != accept):
		return errors.New("--streams is for mixed and accept, without --overload")
	case o.Storms > 0 && o.Streams == 0:
		return errors.New("--storms wants --streams")
	case o.Overload && (o.Closed > 0 || o.Scenario != accept):
		return errors.New("--overload is for accept, and has a closed loop of its own")
	}
	return nil
}
