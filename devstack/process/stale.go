package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// EndStale ends the program whose pid stands in the first line of pidfile, if
// it still runs, and reports whether it did. The caller must hold the lock of
// the directory that the program serves: then whoever started it is gone.
//
// A pid may since belong to a stranger, so a process is ended only when its
// command line contains mark.
func EndStale(pidfile, mark string, quit syscall.Signal, timeout time.Duration) (bool, error) {
	pid, err := readPID(pidfile)
	if err != nil || pid == 0 || !strings.Contains(commandLine(pid), mark) {
		return false, err
	}
	if err := syscall.Kill(pid, quit); err != nil && !errors.Is(err, syscall.ESRCH) { // it may have just ended
		return false, fmt.Errorf("end the stale process %d: %w", pid, err)
	}
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if !strings.Contains(commandLine(pid), mark) {
			return true, nil
		}
	}
	return false, fmt.Errorf("the stale process %d (%s) does not end; end it by hand", pid, mark)
}

// readPID returns 0 when there is no pidfile or no number in it.
func readPID(pidfile string) (int, error) {
	data, err := os.ReadFile(pidfile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	return max(pid, 0), nil
}

// commandLine returns the arguments of a living process, "" for any other.
func commandLine(pid int) string {
	if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		return strings.ReplaceAll(string(data), "\x00", " ") // empty for a zombie
	}
	out, _ := exec.Command("ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	return string(out)
}
