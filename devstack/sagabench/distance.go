package main

import (
	"errors"
	"net"
	"sync"
	"time"
)

// distance stands between the workers and Temporal and lets everything take as
// long as if the server were far away.
type distance struct {
	addr    string
	target  string
	oneWay  time.Duration
	socket  net.Listener
	running sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

func openDistance(target string, roundTrip time.Duration) (*distance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &distance{addr: l.Addr().String(), target: target, oneWay: roundTrip / 2, socket: l}
	d.running.Go(d.accept)
	return d, nil
}

func (d *distance) accept() {
	for {
		near, err := d.socket.Accept()
		if err != nil {
			return // closed
		}
		far, err := net.Dial("tcp", d.target)
		if err != nil {
			near.Close()
			continue
		}
		if !d.keep(near, far) {
			return
		}
		d.running.Go(func() { d.carry(near, far) })
		d.running.Go(func() { d.carry(far, near) })
	}
}

// keep notes connections that close has to end; false when it has come first.
func (d *distance) keep(conns ...net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		for _, c := range conns {
			c.Close()
		}
		return false
	}
	d.conns = append(d.conns, conns...)
	return true
}

// parcel is what was sent at a time.
type parcel struct {
	data []byte
	due  time.Time
}

// carry takes what from sends to to, each a while later, until one of them ends.
func (d *distance) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	way := make(chan parcel, 1024)
	d.running.Go(func() {
		for p := range way {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				from.Close() // ends the reads, and with them this
			}
		}
	})
	defer close(way)
	for {
		data := make([]byte, 16<<10)
		n, err := from.Read(data)
		if n > 0 {
			way <- parcel{data[:n], time.Now().Add(d.oneWay)}
		}
		if err != nil {
			return
		}
	}
}

func (d *distance) close() error {
	err := d.socket.Close()
	d.mu.Lock()
	d.closed = true
	for _, c := range d.conns {
		err = errors.Join(err, ignoreClosed(c.Close()))
	}
	d.mu.Unlock()
	d.running.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
