package engine

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// clock wakes its goroutine to within some 50 µs: a timer of the kernel that
// the runtime's poller watches like a connection.
type clock struct {
	fd   int
	file *os.File // nil: there was none to be had
}

func newClock() *clock {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return &clock{}
	}
	return &clock{fd, os.NewFile(uintptr(fd), "timerfd")}
}

func (c *clock) wait(d time.Duration) {
	if c.file == nil {
		time.Sleep(d)
		return
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))}
	var expired [8]byte
	if unix.TimerfdSettime(c.fd, 0, &spec, nil) != nil {
		time.Sleep(d)
		return
	}
	_, _ = c.file.Read(expired[:]) // the time has come, or the caller looks at it anyway
}

func (c *clock) close() {
	if c.file != nil {
		c.file.Close()
	}
}
