package apache

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"order-service/devstack/process"
)

//go:embed server.properties
var serverProperties string

//go:embed log4j2.properties
var logProperties []byte

// node is a Kafka on disk that is ready to be run.
type node struct {
	Config
	java             java
	port, controller int
}

// prepare ends a broker that an earlier run left in Dir, writes the settings
// and formats the data directory when there is none.
func prepare(ctx context.Context, cfg Config, java java) (node, error) {
	n := node{Config: cfg, java: java}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return n, err
	}
	if _, err := process.EndStale(cfg.pidfile(), cfg.settings(), syscall.SIGTERM, 30*time.Second); err != nil {
		return n, err
	}
	var err error
	if n.port, err = cfg.Port(); err != nil {
		return n, err
	}
	if n.controller, err = cfg.Controller(); err != nil {
		return n, err
	}
	if err := os.WriteFile(n.logSettings(), logProperties, 0o600); err != nil {
		return n, err
	}
	if err := n.writeSettings(n.settings(), n.data()); err != nil {
		return n, err
	}
	return n, n.format(ctx)
}

func (n node) logSettings() string { return filepath.Join(n.Dir, "log4j2.properties") }

// writeSettings names the one voter in the settings instead of in the data, so
// that the ports may change from run to run.
func (n node) writeSettings(file, data string) error {
	text := fmt.Sprintf("%s\nlisteners=BROKER://%s,CONTROLLER://%s\ncontroller.quorum.voters=1@%s\nlog.dirs=%s\n",
		serverProperties, address(n.port), address(n.controller), address(n.controller), data)
	if n.Durable {
		text += "log.flush.interval.messages=1\n"
	}
	return os.WriteFile(file, []byte(text+n.Settings), 0o600)
}

// format makes the data directory under another name first: what a killed
// storage tool leaves must not be taken for one.
func (n node) format(ctx context.Context) error {
	if _, err := os.Stat(n.data()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh, settings := n.data()+".new", filepath.Join(n.Dir, "format.properties")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := n.writeSettings(settings, fresh); err != nil {
		return err
	}
	args := n.arguments("kafka.tools.StorageTool", "format", "--config="+settings, "--cluster-id="+n.cluster())
	if out, err := exec.CommandContext(ctx, n.java.path, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("format Kafka's storage: %w\n%s", err, out)
	}
	return os.Rename(fresh, n.data())
}

// id is the broker's, from 1.
func (n node) id() int32 {
	if n.member != nil {
		return n.member.id
	}
	return 1
}

// cluster is the id of the cluster that the data directory is for.
func (n node) cluster() string {
	if n.member != nil {
		return n.member.cluster
	}
	return clusterID()
}

// clusterID is a UUID as Kafka writes them.
func clusterID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// heap is the largest that a broker may have: those of a cluster share a machine.
func (n node) heap() string {
	if n.member != nil {
		return "-Xmx256m"
	}
	return "-Xmx512m"
}

// arguments run a class of Kafka with a small heap. The quick compiler alone
// halves the processor time of a start, and the serial collector needs no
// threads of its own: the tests need those two cores.
func (n node) arguments(class string, args ...string) []string {
	return append([]string{
		n.heap(), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError",
		"-Dlog4j2.configurationFile=" + n.logSettings(), "-cp", filepath.Join(n.java.jars, "*"), class,
	}, args...)
}
