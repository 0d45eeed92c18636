package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"strconv"
	"strings"

	"order-service/devstack/measure"
)

// reading is what meters show at one moment, by name. What cannot be read has
// no name in it.
type reading map[string]float64

// Names in a reading. CPU time is in µs, by process.
const (
	cpuOwn      = "cpu-own" // of the contender
	cpuPostgres = "cpu-" + atPostgres
	cpuRedis    = "cpu-" + atRedis
	cpuKafka    = "cpu-" + atKafka
	cpuLoad     = "cpu-load"    // of this process
	cpuMachine  = "cpu-machine" // of all there are
	commits     = "commits"     // transactions that wrote
	walBytes    = "wal-bytes"
	redisCalls  = "redis-calls"
	redisReads  = "redis-reads" // of its sockets: what was pipelined counts once
	produces    = "produce-requests"
	gateOrders  = "gate-orders"
	gateBatches = "gate-batches"
	rowOrders   = "commit-orders"
	rowBatches  = "commit-batches"
	rows        = "rows" // of the slice's products
)

// since is how far the meters have gone.
func (r reading) since(before reading) reading {
	gone := reading{}
	for name, value := range r {
		if earlier, ok := before[name]; ok {
			gone[name] = value - earlier
		}
	}
	return gone
}

// plus adds up two stretches.
func (r reading) plus(other reading) reading {
	sum := maps.Clone(r)
	for name, value := range other {
		sum[name] += value
	}
	return sum
}

// cpu reads the processes that work for c.
func (f *fleet) cpu(c contender) reading {
	all := measure.Processes()
	r := reading{cpuMachine: measure.Busy(), cpuLoad: all[os.Getpid()].Own, cpuOwn: all[c.child.PID()].Own}
	for name, pid := range f.backends.pids {
		if name == atKafka { // its children may be the other backends
			r["cpu-"+name] = all[pid].Own
		} else {
			r["cpu-"+name] = measure.Tree(all, pid)
		}
	}
	return r
}

// counters reads what servers count.
func (f *fleet) counters(ctx context.Context, c contender, products []string) (reading, error) {
	r := reading{}
	err := errors.Join(f.readPostgres(ctx, r), f.readRedis(ctx, c, r), f.readMetrics(ctx, c, r))
	if err == nil && c.table != "" {
		var n int64
		n, err = f.backends.count(ctx, `SELECT count(*) FROM `+c.table+` WHERE product_id = ANY($1)`, products)
		r[rows] = float64(n)
	}
	return r, err
}

// readPostgres counts commits by transaction ids, because backends tell
// pg_stat_database of theirs up to ten seconds late.
func (f *fleet) readPostgres(ctx context.Context, r reading) error {
	var xid, wal float64
	err := f.backends.postgres.QueryRow(ctx, `
		SELECT pg_snapshot_xmax(pg_current_snapshot())::text::float8,
			(pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8`).Scan(&xid, &wal)
	r[commits], r[walBytes] = xid, wal
	return err
}

func (f *fleet) readRedis(ctx context.Context, c contender, r reading) error {
	for section, fields := range map[string]map[string]string{
		"commandstats": {"cmdstat_" + c.redisCommand: redisCalls},
		"stats":        {"total_reads_processed": redisReads},
	} {
		info, err := f.backends.info(ctx, section)
		if err != nil {
			return err
		}
		for field, name := range fields {
			text := strings.TrimPrefix(info[field], "calls=")
			text, _, _ = strings.Cut(text, ",")
			r[name], _ = strconv.ParseFloat(text, 64) // absent: no such command yet
		}
	}
	return nil
}

// exported names the metrics that are read, as they stand in the answer.
var exported = map[string]string{
	`order_service_kafka_produce_requests_total`:       produces,
	`order_service_batch_size_sum{batcher="gate"}`:     gateOrders,
	`order_service_batch_size_count{batcher="gate"}`:   gateBatches,
	`order_service_batch_size_sum{batcher="intake"}`:   rowOrders,
	`order_service_batch_size_count{batcher="intake"}`: rowBatches,
}

func (f *fleet) readMetrics(ctx context.Context, c contender, r reading) error {
	body, err := measure.Fetch(ctx, c.metrics)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(body) {
		metric, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		if name, ok := exported[metric]; ok {
			if r[name], err = strconv.ParseFloat(value, 64); err != nil {
				return err
			}
		}
	}
	return nil
}
