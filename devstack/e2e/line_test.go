package e2e

import (
	"bytes"
	"encoding/binary"
	"net"
	"strconv"
	"testing"

	"order-service/linetest"
)

type line = linetest.Line

// newLine opens a line to the backend's address; it ends with the test. Made
// before the shop it outlives the shop's services.
func newLine(t *testing.T, backend string) *line {
	t.Helper()
	return linetest.New(t, backend)
}

// newKafkaLine opens a line to a broker, to be used by some of its clients only.
// A broker tells all of them one address, with which they would leave the line:
// on this one they hear the line's.
func newKafkaLine(t *testing.T, broker string) *line {
	t.Helper()
	l := newLine(t, broker)
	told, instead := endpoint(t, broker), endpoint(t, l.Address)
	l.Alter = func(said []byte) []byte { return bytes.ReplaceAll(said, told, instead) }
	return l
}

// endpoint is how Kafka's protocol writes an address: a host, whose length before
// it is not looked at, and four bytes of port.
func endpoint(t *testing.T, address string) []byte {
	t.Helper()
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.AppendUint32([]byte(host), uint32(port))
}
