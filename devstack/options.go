package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
)

const usage = `devstack runs a command with real backends around it.

Usage: devstack [options] [-- COMMAND [ARGUMENT…]]

It starts a Postgres, a Redis, a Kafka and a Temporal server on loopback ports,
except those whose address is already in the environment, exports the addresses
to COMMAND and stops everything when COMMAND ends. It exits with COMMAND's
status. Without a COMMAND it prints the addresses and runs until a signal.

  --data DIR             keep all data in DIR, synced to disk, and the same ports
                         from run to run; default: a temporary directory, for
                         which Postgres does not sync (take figures with --data)
  --kafka=kfake|apache   which Kafka: one in Go in this process, or Apache Kafka,
                         which needs Java 17 and, to download it once, Maven;
                         default: kfake
  --temporal=sqlite|postgres
                         where Temporal keeps its data; default: sqlite
  --demo                 set up COMMAND, an order-service, for a demonstration on
                         127.0.0.1:8080: sandbox payments, demo login, generated
                         secrets, a few products; then print how to try it
  --sale[=N]             with --demo: N simulated buyers, 300 by default, rush in
                         when a product's sale opens after 20 seconds, and others
                         come and go until the end; payments are due in 2 minutes
  --postgres-port N  --redis-port N  --kafka-port N
  --temporal-port N  --temporal-ui-port N
                         fixed ports; default: free ones
  --verbose              log Temporal's information, too, not only its warnings
  --help                 print this text and exit

Environment, read and exported:
  DATABASE_URL           Postgres (default: a server from this machine's binaries,
                         else a downloaded one)
  REDIS_URL              Redis (default: redis-server, else miniredis)
  KAFKA_BOOTSTRAP        Kafka (default: as --kafka says)
  TEMPORAL_ADDRESS       Temporal (default: the embedded server)
Exported only:
  KAFKA_KIND             what --kafka says, when devstack started it
  TEMPORAL_UI            URL of the embedded Temporal server's web UI

Exit status: COMMAND's, 128+N when signal N ended it, 2 for wrong options,
125 when a backend does not start, 126 and 127 when COMMAND cannot be run or
found.
`

var errHelp = errors.New("help was asked for")

type options struct {
	data     string
	kafka    string
	temporal string
	demo     bool
	sale     buyers
	verbose  bool
	ports    map[string]*int
	command  []string
}

// Kinds of Kafka.
const (
	kafkaFake   = "kfake"
	kafkaApache = "apache"
)

// Names of the ports, in ports.json and, with "-port" behind, as options.
const (
	portPostgres   = "postgres"
	portRedis      = "redis"
	portKafka      = "kafka"
	portTemporal   = "temporal"
	portTemporalUI = "temporal-ui"
)

func parse(args []string) (options, error) {
	opts := options{ports: make(map[string]*int)}
	set := flag.NewFlagSet("devstack", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&opts.data, "data", "", "")
	set.StringVar(&opts.kafka, "kafka", kafkaFake, "")
	set.StringVar(&opts.temporal, "temporal", "sqlite", "")
	set.BoolVar(&opts.demo, "demo", false, "")
	set.Var(&opts.sale, "sale", "")
	set.BoolVar(&opts.verbose, "verbose", false, "")
	for _, name := range []string{portPostgres, portRedis, portKafka, portTemporal, portTemporalUI} {
		opts.ports[name] = set.Int(name+"-port", 0, "")
	}
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return opts, errHelp
	}
	if err != nil {
		return opts, err
	}
	opts.command = set.Args()
	return opts, opts.check()
}

func (o options) check() error {
	if o.kafka != kafkaFake && o.kafka != kafkaApache {
		return fmt.Errorf("--kafka=%s is neither kfake nor apache", o.kafka)
	}
	if o.temporal != "sqlite" && o.temporal != "postgres" {
		return fmt.Errorf("--temporal=%s is neither sqlite nor postgres", o.temporal)
	}
	if o.demo && len(o.command) == 0 {
		return errors.New("--demo needs a COMMAND that runs order-service")
	}
	if o.sale > 0 && !o.demo {
		return errors.New("--sale needs --demo")
	}
	for name, port := range o.ports {
		if *port < 0 || *port > 65535 {
			return fmt.Errorf("--%s-port=%d is not a port", name, *port)
		}
	}
	return nil
}

// buyers is how many come to the sale; 0 means that there is none.
type buyers int

const (
	someBuyers = 300 // when the option has no number
	maxBuyers  = 10_000
)

// IsBoolFlag lets the option stand without a number.
func (*buyers) IsBoolFlag() bool { return true }

// String returns the number.
func (n *buyers) String() string { return strconv.Itoa(int(*n)) }

// Set parses the number; flag says "true" where there is none.
func (n *buyers) Set(text string) error {
	if text == "true" {
		*n = someBuyers
		return nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > maxBuyers {
		return fmt.Errorf("not a number from 1 to %d", maxBuyers)
	}
	*n = buyers(number)
	return nil
}
