//go:build !linux

package process

import "syscall"

// Attributes cannot tie a child's life to this process's on this system; what
// a kill -9 leaves behind is ended by the next run.
func Attributes(_ syscall.Signal, group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: group}
}
