package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// console is where the tool says how it is getting on. It belongs to one
// goroutine at a time.
type console struct {
	out   io.Writer
	width int // of a terminal; 0: it is none
}

func newConsole(out io.Writer) *console {
	file, ok := out.(*os.File)
	if !ok {
		return &console{out: out}
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return &console{out: out}
	}
	return &console{out, int(size.Col)}
}

// say writes a line that stays.
func (c *console) say(format string, args ...any) {
	c.clear()
	fmt.Fprintf(c.out, "load: "+format+"\n", args...)
}

// status writes a line that the next one replaces, where that is possible.
func (c *console) status(line string) {
	c.clear()
	if c.width == 0 {
		fmt.Fprintln(c.out, line)
		return
	}
	text := []rune(line)
	fmt.Fprint(c.out, string(text[:min(len(text), max(c.width-1, 0))]))
}

// clear removes the status.
func (c *console) clear() {
	if c.width > 0 {
		fmt.Fprint(c.out, "\r\x1b[K")
	}
}
