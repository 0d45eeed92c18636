package main

import (
	"fmt"
	"io"

	"order-service/devstack/measure"
)

// findings are everything that a run has found out.
type findings struct {
	Machine  measure.Machine `json:"machine"`
	Settings Settings        `json:"settings"`
	Options  options         `json:"options"`
	Slices   []slice         `json:"slices"`
}

// print writes the findings as Markdown.
func (f findings) print(out io.Writer) {
	fmt.Fprintln(out)
	f.rates().Print(out)
	f.ratios().Print(out)
	f.time().Print(out)
	f.work().Print(out)
	m, s := f.Machine, f.Settings
	if f.kafka() != "Kafka" {
		fmt.Fprintln(out, embedded)
	}
	fmt.Fprintf(out, "%d slices of %s each, %d connections. %s.\n", f.Options.Slices, f.Options.Slice, f.Options.Connections, m)
	fmt.Fprintf(out, "Meanwhile everything else took %.0f %% of the machine.\n", 100*f.elsewhere())
	fmt.Fprintf(out, "Postgres %s with fsync=%s synchronous_commit=%s, Redis %s with appendonly %s, Kafka: %s. order-service %s.\n",
		s.Postgres, s.Fsync, s.SynchronousCommit, s.Redis, s.AppendOnly, s.Kafka, s.Service)
}

func (f findings) rates() measure.Table {
	t := measure.Table{{"", "a second", "min–max", "p50 ms", "p99 ms", "max ms", "refused"}}
	for _, name := range f.Options.Only {
		list := of(f.Slices, name)
		rate := measure.SpreadOf(each(list, slice.rate))
		t = append(t, []string{
			name, measure.Whole(rate.Median), measure.Whole(rate.Low) + "–" + measure.Whole(rate.High),
			measure.Fixed(1, median(list, func(s slice) float64 { return s.P50 })),
			measure.Fixed(1, median(list, func(s slice) float64 { return s.P99 })),
			measure.Fixed(0, median(list, func(s slice) float64 { return s.Max })), refused(list),
		})
	}
	return t
}

// elsewhere is the share of the machine that was not used for the comparison.
// Where it is large, so are the spreads.
func (f findings) elsewhere() float64 {
	var other, there float64
	for _, s := range f.Slices {
		m := s.Meters
		other += m[cpuMachine] - m[cpuOwn] - m[cpuPostgres] - m[cpuRedis] - m[cpuKafka] - m[cpuLoad]
		there += s.Drained * float64(f.Machine.Cores) * 1e6
	}
	return max(other, 0) / there
}

// refused is the share of answers that were not those that count.
func refused(list []slice) string {
	var other, done uint64
	for _, s := range list {
		done += s.Done
		for _, n := range s.Other {
			other += n
		}
	}
	if other == 0 {
		return "0"
	}
	return fmt.Sprintf("%.2g %%", 100*float64(other)/float64(other+done))
}

func median(list []slice, figure func(slice) float64) float64 {
	return measure.SpreadOf(each(list, figure)).Median
}

// compared are the ratios that are told; it is only read.
var compared = [][2]string{
	{service, before}, {service, naive}, {service, d2}, {service, ceiling}, {soldOut, ceiling}, {read, stub}, {service, control},
}

func (f findings) ratios() measure.Table {
	t := measure.Table{{"ratio", "median", "quartiles", "min–max"}}
	for _, pair := range compared {
		if list := ratios(f.Slices, pair[0], pair[1]); len(list) > 0 {
			s := measure.SpreadOf(list)
			t = append(t, []string{
				pair[0] + " / " + pair[1], measure.Fixed(2, s.Median), measure.Fixed(2, s.Q1) + "–" + measure.Fixed(2, s.Q3), measure.Fixed(2, s.Low) + "–" + measure.Fixed(2, s.High),
			})
		}
	}
	return t
}

// time is the CPU time of every process by answer that counts.
func (f findings) time() measure.Table {
	processes := []string{cpuOwn, cpuPostgres, cpuRedis, cpuKafka}
	t := measure.Table{{"CPU, µs an order", "itself", "Postgres", "Redis", f.kafka(), "together", "(load)"}}
	for _, name := range f.Options.Only {
		meters, done := sum(of(f.Slices, name))
		row, together := []string{name}, 0.0
		for _, process := range processes {
			row = append(row, meters.per(done, process, 1))
			together += meters[process]
		}
		t = append(t, append(row, measure.Fixed(1, together/done), meters.per(done, cpuLoad, 1)))
	}
	return t
}

// kafka names the process that Kafka is in.
func (f findings) kafka() string {
	if f.Settings.Kafka == "kfake" {
		return "kfake¹"
	}
	return "Kafka"
}

// embedded explains kfake¹.
const embedded = "¹ Kafka in Go, together with an idle Temporal server in devstack's process."

// work is what servers were asked to do for a thousand answers that count.
func (f findings) work() measure.Table {
	t := measure.Table{{"a thousand orders", "commits", "WAL KB", "Redis calls", "produce requests", "orders a round trip", "orders a commit"}}
	for _, name := range f.Options.Only {
		meters, done := sum(of(f.Slices, name))
		thousands := done / 1000
		t = append(t, []string{
			name, meters.per(thousands, commits, 1), measure.Fixed(0, meters[walBytes]/1024/thousands),
			meters.per(thousands, redisCalls, 1), meters.per(thousands, produces, 1),
			meters.per(meters[gateBatches], gateOrders, 1), meters.per(meters[rowBatches], rowOrders, 1),
		})
	}
	return t
}

// per is a meter divided by n, "–" where there is nothing to divide.
func (r reading) per(n float64, name string, digits int) string {
	value, ok := r[name]
	if !ok || n == 0 {
		return "–"
	}
	return measure.Fixed(digits, value/n)
}
