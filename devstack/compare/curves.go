package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"order-service/devstack/measure"
)

// picture is a chart and the file that it belongs into.
type picture struct {
	file  string
	chart chart
}

// drawCurves measures and writes the pictures into opts.Out.
func drawCurves(ctx context.Context, opts options, stdout, stderr io.Writer) (err error) {
	wanted := opts.Only
	opts.Only = []string{service, naive}
	f, err := startFleet(ctx, opts, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	if err := f.warmUp(ctx, f.contenders()); err != nil {
		return err
	}
	if err := os.MkdirAll(opts.Out, 0o755); err != nil {
		return err
	}
	for _, c := range curves {
		if !slices.Contains(wanted, c.name) {
			continue
		}
		pictures, err := c.measure(f, ctx)
		if err != nil {
			return err
		}
		if err := write(opts.Out, pictures, stdout); err != nil {
			return err
		}
	}
	return f.audit(ctx)
}

// curve is one or more pictures of one thing that is varied.
type curve struct {
	name    string
	measure func(*fleet, context.Context) ([]picture, error)
}

// curves are all there are, in the order in which they are measured. Rows come
// last, for that empties the tables first.
var curves = []curve{
	{"rate", (*fleet).byRate},
	{"connections", (*fleet).byConnections},
	{"products", (*fleet).byProducts},
	{"rows", (*fleet).byRows},
}

func curveNames() (all []string) {
	for _, c := range curves {
		all = append(all, c.name)
	}
	return all
}

func write(dir string, pictures []picture, stdout io.Writer) error {
	for _, p := range pictures {
		file := filepath.Join(dir, p.file)
		if err := os.WriteFile(file, []byte(p.chart.svg()), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(stdout, file)
	}
	return nil
}

// repeated gives c a load several times, for one slice may meet with anything.
func (f *fleet) repeated(ctx context.Context, c contender, l load) (list []slice, err error) {
	for range f.opts.Slices {
		s, err := f.slice(ctx, c, l)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	f.say("%-8s %4d connections, %3d products, %6s/s offered: %6.0f/s, p99 %s ms, %s µs of CPU an order, %s orders a commit, %s %% accepted", c.name,
		l.connections, l.products, short(l.rate), median(list, slice.rate), measure.Fixed(1, median(list, slice.p99)),
		measure.Fixed(0, median(list, slice.cost)), measure.Fixed(1, median(list, slice.batch)), measure.Fixed(0, 100*median(list, slice.served)))
	return list, nil
}

// cost is the CPU time of all servers, in µs an order.
func (s slice) cost() float64 {
	return (s.Meters[cpuOwn] + s.Meters[cpuPostgres] + s.Meters[cpuRedis] + s.Meters[cpuKafka]) / float64(s.Done)
}

// batch is the orders that share a commit, on average.
func (s slice) batch() float64 { return s.Meters[rowOrders] / s.Meters[rowBatches] }

func (s slice) p99() float64 { return s.P99 }

// served is the share of what was offered that was accepted.
func (s slice) served() float64 {
	offered := s.Done + s.Unsent
	for _, n := range s.Other {
		offered += n
	}
	return float64(s.Done) / float64(offered)
}

// Rates that are offered, orders a second, and when to stop: later points would
// only tell how long was measured.
const (
	firstRate = 500
	nextRate  = 1.5 // times the last one
	mostRate  = 200_000
	keptUp    = 0.95 // of the offered orders
	patience  = 1000 // ms
)

// byRate is what buyers wait when more and more come, whether or not others
// were answered.
func (f *fleet) byRate(ctx context.Context) ([]picture, error) {
	c := chart{
		title: "How long a buyer waits, by how many come", goal: 20,
		x: axis{label: "orders offered a second", log: true}, y: axis{label: "p99 in ms", log: true},
	}
	for _, contender := range f.contenders() {
		l := line{name: contender.name}
		for rate := float64(firstRate); rate < mostRate; rate *= nextRate {
			list, err := f.repeated(ctx, contender, f.open(rate))
			if err != nil {
				return nil, err
			}
			l.points = append(l.points, point{rate, median(list, slice.p99)})
			if median(list, slice.served) < keptUp || median(list, slice.p99) > patience {
				break
			}
		}
		c.lines = append(c.lines, l)
	}
	return []picture{{"latency.svg", c}}, nil
}

// byConnections shows the cost by the connections, and what is behind it: how
// many orders share a commit. Beyond 256 the service sheds, and a closed loop
// then measures little but refusals; byRate tells of that.
func (f *fleet) byConnections(ctx context.Context) ([]picture, error) {
	cost := axis{label: "µs of CPU an order, all servers"}
	crowd := chart{
		title: "What an order costs, by how many are sent at once",
		x:     axis{label: "connections, each sending one order after the other", log: true}, y: cost,
	}
	batches := chart{
		title: "What an order costs, by how many share its commit",
		x:     axis{label: "orders a commit", log: true}, y: cost, lines: []line{{name: service}},
	}
	for _, contender := range f.contenders() {
		l := line{name: contender.name}
		for _, n := range []int{1, 4, 16, 64, 128, 256} {
			given := f.closed()
			given.connections = n
			list, err := f.repeated(ctx, contender, given)
			if err != nil {
				return nil, err
			}
			l.points = append(l.points, point{float64(n), median(list, slice.cost)})
			if contender.name == service {
				batches.lines[0].points = append(batches.lines[0].points, point{median(list, slice.batch), median(list, slice.cost)})
			}
		}
		crowd.lines = append(crowd.lines, l)
	}
	return []picture{{"connections.svg", crowd}, {"batches.svg", batches}}, nil
}

// byProducts has the load turn to more and more products.
func (f *fleet) byProducts(ctx context.Context) ([]picture, error) {
	l := line{name: service}
	for _, n := range []int{1, 4, 16, 64, 256} {
		given := f.closed()
		given.products = n
		list, err := f.repeated(ctx, f.contender(service), given)
		if err != nil {
			return nil, err
		}
		l.points = append(l.points, point{float64(n), median(list, slice.cost)})
	}
	return []picture{{"products.svg", chart{
		title: "What an order costs, by how many products are hot",
		x:     axis{label: "products that everybody wants", log: true}, y: axis{label: "µs of CPU an order, all servers"},
		lines: []line{l},
	}}}, nil
}

// byRows has the tables grow. What buyers wait is measured at half of what the
// contender could carry when they were nearly empty.
func (f *fleet) byRows(ctx context.Context) ([]picture, error) {
	x := axis{label: "orders in the table", log: true}
	cost := chart{
		title: "What an order costs, by how many there are already",
		x:     x, y: axis{label: "µs of CPU an order, all servers"},
	}
	wait := chart{
		title: "How long a buyer waits at half load, by how many orders there are already",
		x:     x, y: axis{label: "p99 in ms"},
	}
	half := map[string]float64{}
	for rows := 1000; rows <= f.opts.Rows; rows *= 10 {
		if err := f.backends.fill(ctx, rows); err != nil {
			return nil, err
		}
		for _, c := range f.contenders() {
			list, err := f.repeated(ctx, c, f.closed())
			if err != nil {
				return nil, err
			}
			cost.add(c.name, point{float64(rows), median(list, slice.cost)})
			half[c.name] = cmp.Or(half[c.name], median(list, slice.rate)/2)
			if list, err = f.repeated(ctx, c, f.open(half[c.name])); err != nil {
				return nil, err
			}
			wait.add(c.name, point{float64(rows), median(list, slice.p99)})
		}
	}
	return []picture{{"rows.svg", cost}, {"rows-latency.svg", wait}}, nil
}
