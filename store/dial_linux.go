package store

import (
	"errors"
	"strings"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall has
// for some architectures only.
const tcpUserTimeout = 0x12

// limitUnacked breaks a connection whose peer acknowledges nothing for
// unackedTimeout. Keepalive alone does not: it probes only while nothing is on
// its way, and what is gets repeated for a quarter of an hour. A kernel that has
// no such limit, as those that some sandboxes play, is no reason not to connect.
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
	if errors.Is(err, syscall.ENOPROTOOPT) {
		return nil
	}
	return err
}
