package process

import "syscall"

// Attributes makes the kernel send quit to the child when this process dies in
// whatever way. The signal is tied to the thread that started the child; the
// runtime ends a thread only with a goroutine that locked it, and none does.
func Attributes(quit syscall.Signal, group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: group, Pdeathsig: quit}
}
