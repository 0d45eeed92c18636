package apache

import (
	"context"
	"encoding/xml"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/devstack/ports"
)

func TestRecordsOutliveAStopATakeoverAndAKill(t *testing.T) {
	if os.Getenv("KAFKA_KIND") != "apache" {
		t.Skip("make test-real runs it: it needs Java and Maven")
	}
	book, err := ports.Open("")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Port:       func() (int, error) { return book.Port("broker") },
		Controller: func() (int, error) { return book.Port("controller") },
		Dir:        t.TempDir(), Log: zerolog.New(zerolog.NewTestWriter(t)),
	}
	for written, end := range []func(*testing.T, *Broker){stop, leave, kill, stop} {
		begun := time.Now()
		b, err := Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("start %d took %s", written, time.Since(begun))
		if written == 0 {
			createTopic(t, b.Address)
		}
		write(t, b.Address, strconv.Itoa(written))
		for i, value := range read(t, b.Address, written+1) {
			if value != strconv.Itoa(i) {
				t.Errorf("record %d is %q", i, value)
			}
		}
		end(t, b)
	}
}

func stop(t *testing.T, b *Broker) {
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
}

// leave lets the broker run, as a devstack that dies on other systems than
// Linux does: the next start has to end it.
func leave(*testing.T, *Broker) {}

// kill ends the broker without a chance to close its files.
func kill(t *testing.T, b *Broker) {
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
}

const topic = "kept"

func connect(t *testing.T, address string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func createTopic(t *testing.T, address string) {
	t.Helper()
	if _, err := kadm.NewClient(connect(t, address)).CreateTopic(t.Context(), 1, -1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, address, value string) {
	t.Helper()
	if err := connect(t, address).ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// read returns the first n records.
func read(t *testing.T, address string, n int) (values []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := connect(t, address, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for len(values) < n {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetched.RecordsAll() {
			values = append(values, string(r.Value))
		}
	}
	return values
}

func TestWhatIsMissingIsNamedWithItsPackage(t *testing.T) {
	t.Setenv("PATH", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir()) // macOS keeps its caches there
	if _, err := findJava(t.Context()); err == nil || !strings.Contains(err.Error(), "default-jre-headless") {
		t.Errorf("without java: %v", err)
	}
	if _, err := jars(t.Context(), zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "apt-get install maven") {
		t.Errorf("without mvn: %v", err)
	}
}

func TestPomNamesTheVersion(t *testing.T) {
	var project struct {
		Version string `xml:"version"`
	}
	if err := xml.Unmarshal(pom, &project); err != nil || project.Version != version {
		t.Errorf("pom.xml is of version %q (%v), want %s", project.Version, err, version)
	}
}

func TestClusterIDsAreUUIDsOfKafka(t *testing.T) {
	if a, b := clusterID(), clusterID(); len(a) != 22 || a == b {
		t.Errorf("%s, %s", a, b)
	}
}
