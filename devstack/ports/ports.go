// Package ports gives every server a free loopback port and remembers it, so
// that addresses stay the same from one run on a data directory to the next.
package ports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"

	"order-service/devstack/keep"
)

// New ports are taken below the ranges from which Linux, macOS and Windows
// give a connection its own port: one of those could be in use by the time the
// server listens.
const first, last = 20_000, 32_000

// Book is the list of ports by name. It is not safe for concurrent use.
type Book struct {
	file  string // "" is not kept
	ports map[string]int
	fixed map[string]int
	held  map[int]net.PacketConn // until Close, or the process' end
}

// Open reads the book kept in file, or begins one; with file "" it is
// forgotten at the end. A file that a power cut or a full disk left without its
// end is no reason not to start: new ports will do.
func Open(file string) (*Book, error) {
	b := &Book{file: file, ports: map[string]int{}, fixed: map[string]int{}, held: map[int]net.PacketConn{}}
	if file == "" {
		return b, nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(data, &b.ports) != nil || b.ports == nil {
		b.ports = map[string]int{}
	}
	return b, nil
}

// Fix makes name's port the given one; 0 leaves the choice to the book.
func (b *Book) Fix(name string, port int) {
	if port != 0 {
		b.fixed[name] = port
	}
}

// Port returns a port for name that nobody listens on: the fixed one, else the
// one of the last run, else a new one. A fixed port in use is an error.
func (b *Book) Port(name string) (int, error) {
	if port := b.fixed[name]; port != 0 {
		if !free(port) {
			return 0, fmt.Errorf("port %d, asked for %s, is in use", port, name)
		}
		return port, b.keep(name, port)
	}
	if port := b.ports[name]; port != 0 && free(port) && b.hold(port) {
		return port, nil
	}
	for range 200 {
		if port := first + rand.IntN(last-first); !b.taken(port) && free(port) && b.hold(port) {
			return port, b.keep(name, port)
		}
	}
	return 0, fmt.Errorf("no free loopback port found for %s", name)
}

func (b *Book) taken(port int) bool {
	for _, p := range b.ports {
		if p == port {
			return true
		}
	}
	for _, p := range b.fixed {
		if p == port {
			return true
		}
	}
	return false
}

// hold keeps other processes' books from choosing the port before its server
// listens: of two runs at a time, tests of one would ask a service of the other. It
// is held by UDP, which no server of ours speaks.
func (b *Book) hold(port int) bool {
	if b.held[port] != nil {
		return true
	}
	conn, err := net.ListenPacket("udp", loopback(port))
	if err != nil {
		return false
	}
	b.held[port] = conn
	return true
}

// Close lets go of the ports, when their servers have ended.
func (b *Book) Close() {
	for port, conn := range b.held {
		_ = conn.Close()
		delete(b.held, port)
	}
}

func (b *Book) keep(name string, port int) error {
	b.ports[name] = port
	if b.file == "" {
		return nil
	}
	data, err := json.MarshalIndent(b.ports, "", "  ")
	if err != nil {
		return err
	}
	return keep.File(b.file, append(data, '\n'), 0o644)
}

func free(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
