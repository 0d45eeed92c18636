package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"order-service/devstack/measure"
)

const usage = `sagabench measures the saga against plain workflows on the same Temporal.

Usage: devstack --data DIR [--temporal=postgres] -- sagabench [options]

An api accepts orders while no worker runs, then a worker is started:

  orders N   N accepted orders, first from waiting to PAYMENT_PENDING, then, all
             of them paid by webhook, to CONFIRMED
  before N   the same with the binary or the settings of --against and --with
  empty      workflows that do nothing, started one by one
  steps      workflows with a regular activity that does nothing for each step:
             three, a wait for a signal, and one more

It prints rates, their ratios round by round with the spread, and what an order
cost: CPU time of the Temporal server and of the worker, history events,
workflow tasks and state transitions.

  --backlog N,N,…    orders that wait (default 2000)
  --plain N          plain workflows of each kind (default 2000, or the smallest
                     backlog where that is less)
  --rounds N         turns for each (default 3)
  --only A,B,…       of orders, before, empty and steps (default: all that apply)
  --bin DIR          where order-service is (default: beside sagabench)
  --against DIR      where another order-service is, to compare with
  --with NAME=VALUE  a variable of that one only; may be repeated
  --provider D       payments come from an HTTP provider that answers after D
                     (default: the built-in sandbox, at once)
  --distance D       how far Temporal is from api and worker, there and back; the
                     plain workflows stay near (default 0)
  --posts RATE       also send so many POST /orders a second for ten seconds, at
                     first while nothing waits and then while the backlog drains,
                     and print their p99; their orders stand in the same line and
                     slow it down (default 0)
  --json FILE        write every slice with all its figures
  --help             print this text and exit

DATABASE_URL, REDIS_URL, KAFKA_BOOTSTRAP and TEMPORAL_ADDRESS say where the
backends are. Other variables reach order-service as they are.

Exit status: 1 when something broke, such as an order that did not become
CONFIRMED; 2 for wrong options.
`

// Names of the contenders.
const (
	orders = "orders"
	before = "before"
	empty  = "empty"
	steps  = "steps"
)

type options struct {
	Backlogs []int         `json:"backlogs"`
	Plain    int           `json:"plain"`
	Rounds   int           `json:"rounds"`
	Only     []string      `json:"only"`
	Bin      string        `json:"-"`
	Against  string        `json:"-"`
	With     []string      `json:"with,omitempty"`
	Provider time.Duration `json:"provider,omitempty"`
	Distance time.Duration `json:"distance,omitempty"`
	Posts    float64       `json:"posts,omitempty"`
	JSON     string        `json:"-"`
}

func parse(args []string) (options, error) {
	o := options{Backlogs: []int{2000}}
	set := flag.NewFlagSet("sagabench", flag.ContinueOnError)
	set.Func("backlog", "", o.setBacklogs)
	set.IntVar(&o.Plain, "plain", 0, "")
	set.IntVar(&o.Rounds, "rounds", 3, "")
	set.Func("only", "", func(list string) error { o.Only = strings.Split(list, ","); return nil })
	set.StringVar(&o.Bin, "bin", measure.Beside(), "")
	set.StringVar(&o.Against, "against", "", "")
	set.Func("with", "", func(pair string) error { o.With = append(o.With, pair); return nil })
	set.DurationVar(&o.Provider, "provider", 0, "")
	set.DurationVar(&o.Distance, "distance", 0, "")
	set.Float64Var(&o.Posts, "posts", 0, "")
	set.StringVar(&o.JSON, "json", "", "")
	if err := measure.ParseFlags(set, args); err != nil {
		return o, err
	}
	o.complete()
	return o, o.check()
}

func (o *options) setBacklogs(list string) error {
	o.Backlogs = nil
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number of orders", text)
		}
		o.Backlogs = append(o.Backlogs, n)
	}
	return nil
}

// maxPlain is enough for a rate that does not change any more.
const maxPlain = 2000

// complete fills in what depends on other options.
func (o *options) complete() {
	if o.Plain == 0 {
		o.Plain = maxPlain
		for _, n := range o.Backlogs {
			o.Plain = min(o.Plain, n)
		}
	}
	if o.Against == "" && len(o.With) > 0 {
		o.Against = o.Bin
	}
	if o.Only == nil {
		o.Only = []string{orders, before, empty, steps}
		if o.Against == "" {
			o.Only = []string{orders, empty, steps}
		}
	}
}

func (o options) check() error {
	for _, name := range o.Only {
		switch name {
		case orders, empty, steps:
		case before:
			if o.Against == "" {
				return errors.New("--only: before needs --against or --with")
			}
		default:
			return fmt.Errorf("--only: %q is not one of orders, before, empty, steps", name)
		}
	}
	if o.Plain < 1 || o.Rounds < 1 || o.Posts < 0 {
		return errors.New("plain workflows and rounds are at least one, and posts not negative")
	}
	return nil
}
