package ports

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestPortsStayTheSameOverRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ports.json")
	var ports [2]int
	for run := range ports {
		book, err := Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if ports[run], err = book.Port("postgres"); err != nil {
			t.Fatal(err)
		}
		book.Close()
	}
	if ports[0] != ports[1] {
		t.Errorf("port %d, then %d", ports[0], ports[1])
	}
}

func TestABookWithoutItsEndIsBegunAnew(t *testing.T) {
	for _, left := range []string{"", `{"postgres": 20`, "null", "[]"} {
		file := filepath.Join(t.TempDir(), "ports.json")
		if err := os.WriteFile(file, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		book, err := Open(file)
		if err != nil {
			t.Fatalf("%q: %v", left, err)
		}
		if port, err := book.Port("postgres"); port == 0 || err != nil {
			t.Errorf("%q: port %d, %v", left, port, err)
		}
	}
}

func TestPortInUseIsReplacedUnlessItWasAskedFor(t *testing.T) {
	book, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	port, err := book.Port("redis")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if other, err := book.Port("redis"); err != nil || other == port {
		t.Errorf("port %d again, %v", other, err)
	}
	book.Fix("redis", port)
	if _, err := book.Port("redis"); err == nil {
		t.Error("a fixed port in use was given out")
	}
}

// Two runs at a time ask for hundreds of ports, which nobody listens on yet.
func TestNoPortIsGivenOutByTwoBooks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ports.json")
	one, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	port, err := one.Port("redis")
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if same, err := other.Port("redis"); err != nil || same == port {
		t.Errorf("port %d, then %d, %v", port, same, err)
	}
	if again, err := one.Port("redis"); err != nil || again != port {
		t.Errorf("port %d, then %d, %v", port, again, err)
	}
}

func TestNoPortIsGivenOutTwice(t *testing.T) {
	book, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]bool)
	for i := range 500 {
		port, err := book.Port(fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("port %d twice", port)
		}
		seen[port] = true
	}
}
