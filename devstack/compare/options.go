package main

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"order-service/devstack/measure"
)

const usage = `compare measures order-service beside others on the same machine and backends.

Usage: devstack --data DIR [--kafka=apache] -- compare [curves] [options]

It runs order-service and its peers, gives each the whole load for a slice of
time, in turns, and prints rates, ratios with their spread and what an order
cost every process:

  service   order-service, --role=api
  before    order-service with the binary or the settings of --against and --with
  service'  the same process once more: what a ratio of two equals looks like
  naive     price from Redis, one INSERT, one event produced and awaited
  d2        one event produced and awaited; no row, no stock gate
  ceiling   token, body, answer; no I/O
  soldout   order-service, when the product is sold out
  read      order-service, GET /orders/{id}
  stub      ceiling, GET /orders/{id}

A rate is what was accepted, by the time until the outbox was empty again.

With "curves" it draws pictures (SVG) of service and naive instead, by:

  rate         latency by the orders that are offered
  connections  what an order costs by them, and by how many share a commit
  products     what an order costs by how many are hot
  rows         what an order costs, and latency at half load, by the orders that
               there are already

  --slices N         slices for each, or for each point of a curve (default 10,
                     or 3)
  --slice D          how long a slice sends (default 3s)
  --duration D       begin no round later than this, however many slices are
                     left (default: none)
  --warmup D         length of the round that does not count (default 2s)
  --connections N    closed loops (default 256)
  --buyers N         who order in turns (default 10000)
  --only A,B,…       just these
  --bin DIR          where order-service and peer are (default: beside compare)
  --against DIR      where another order-service is, to compare with
  --with NAME=VALUE  a setting of the one that is compared with; may be repeated
  --out DIR          where the curves are drawn (default: docs/images)
  --rows N           orders that are put into the tables for a curve, at most
                     (default 1000000)
  --json FILE        write every slice with all its figures
  --help             print this text and exit

DATABASE_URL, REDIS_URL, KAFKA_BOOTSTRAP and TEMPORAL_ADDRESS say where the
backends are. Other variables reach order-service as they are.

Exit status: 1 when something broke, such as an order that was accepted and has
no row; 2 for wrong options.
`

type options struct {
	Slices      int           `json:"slices"`
	Slice       time.Duration `json:"slice"`
	Duration    time.Duration `json:"duration,omitempty"`
	Warmup      time.Duration `json:"warmup"`
	Connections int           `json:"connections"`
	Buyers      int           `json:"buyers"`
	Only        []string      `json:"only"`
	Bin         string        `json:"-"`
	Against     string        `json:"-"`
	With        []string      `json:"with,omitempty"`
	JSON        string        `json:"-"`
	Curves      bool          `json:"-"`
	Out         string        `json:"-"`
	Rows        int           `json:"-"`
}

func parse(args []string) (options, error) {
	o := options{Slices: 10}
	if len(args) > 0 && args[0] == "curves" {
		o.Curves, o.Slices, args = true, 3, args[1:]
	}
	set := flag.NewFlagSet("compare", flag.ContinueOnError)
	set.IntVar(&o.Slices, "slices", o.Slices, "")
	set.DurationVar(&o.Slice, "slice", 3*time.Second, "")
	set.DurationVar(&o.Duration, "duration", 0, "")
	set.DurationVar(&o.Warmup, "warmup", 2*time.Second, "")
	set.IntVar(&o.Connections, "connections", 256, "")
	set.IntVar(&o.Buyers, "buyers", 10_000, "")
	set.StringVar(&o.Bin, "bin", measure.Beside(), "")
	set.StringVar(&o.Against, "against", "", "")
	set.Func("with", "", func(pair string) error { o.With = append(o.With, pair); return nil })
	set.StringVar(&o.Out, "out", filepath.Join("docs", "images"), "")
	set.IntVar(&o.Rows, "rows", 1_000_000, "")
	set.StringVar(&o.JSON, "json", "", "")
	set.Func("only", "", func(list string) error {
		o.Only = strings.Split(list, ",")
		return nil
	})
	if err := measure.ParseFlags(set, args); err != nil {
		return o, err
	}
	o.complete()
	return o, o.check()
}

// complete fills in what depends on other options.
func (o *options) complete() {
	if o.Against == "" && len(o.With) > 0 {
		o.Against = o.Bin
	}
	if o.Only == nil {
		o.Only = slices.DeleteFunc(slices.Clone(o.names()), func(name string) bool { return name == before && o.Against == "" })
	}
}

// names are what --only may choose from.
func (o options) names() []string {
	if o.Curves {
		return curveNames()
	}
	return names
}

func (o options) check() error {
	if o.Against == "" && slices.Contains(o.Only, before) {
		return errors.New("--only: before needs --against or --with")
	}
	for _, name := range o.Only {
		if !slices.Contains(o.names(), name) {
			return fmt.Errorf("--only: %q is not one of %s", name, strings.Join(o.names(), ", "))
		}
	}
	if o.Slices < 1 || o.Slice <= 0 || o.Connections < 1 || o.Buyers < 1 {
		return errors.New("slices, their length, connections and buyers are at least one")
	}
	return nil
}
