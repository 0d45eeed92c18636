package api

import (
	"errors"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall has
// for some architectures only.
const tcpUserTimeout = 0x12

// limitUnacked breaks the connections of a listener whose client acknowledges
// nothing for unackedTimeout; they have the option from it. Keepalive alone does
// not: it probes only while nothing is on its way, and a stream's comments always
// are. The kernel would repeat them for a quarter of an hour. One that has no such
// limit, as those that some sandboxes play, is no reason not to start.
func limitUnacked(_, _ string, conn syscall.RawConn) (err error) {
	failed := conn.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unackedTimeout/time.Millisecond))
	})
	if failed != nil {
		return failed
	}
	if errors.Is(err, syscall.ENOPROTOOPT) {
		return nil
	}
	return err
}
