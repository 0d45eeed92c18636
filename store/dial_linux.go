package store

import (
	"strings"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall has
// for some architectures only.
const tcpUserTimeout = 0x12

// limitUnacked breaks a connection whose peer acknowledges nothing for
// unackedTimeout. Keepalive alone does not: it probes only while nothing is on
// its way, and what is gets repeated for a quarter of an hour.
func limitUnacked(network, _ string, conn syscall.RawConn) (err error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	failed := conn.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unackedTimeout.Milliseconds()))
	})
	if failed != nil {
		return failed
	}
	return err
}
