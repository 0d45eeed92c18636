package main

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestDistanceDelaysWithoutThrottling(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		if c, err := echo.Accept(); err == nil {
			_, _ = io.Copy(c, c)
			c.Close()
		}
	}()
	const roundTrip = 100 * time.Millisecond
	d, err := openDistance(echo.Addr().String(), roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := make([]byte, 1<<20)
	took := time.Hour
	for tries := 0; tries < 5 && took > 20*roundTrip; tries++ { // a busy machine may delay one; who throttles delays all
		begun := time.Now()
		go func() { _, _ = c.Write(sent) }()
		if _, err := io.ReadFull(c, make([]byte, len(sent))); err != nil {
			t.Fatal(err)
		}
		took = time.Since(begun)
	}
	if took < roundTrip || took > 20*roundTrip {
		t.Errorf("a megabyte took %s there and back", took)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}
