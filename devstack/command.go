package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"order-service/devstack/process"
)

// runCommand runs command with this process's standard streams, forwards
// signals to it and returns its exit status as a shell would.
func runCommand(command, environ []string, signals <-chan os.Signal, log zerolog.Logger) int {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	foreground := foreground()
	cmd.SysProcAttr = process.Attributes(syscall.SIGTERM, !foreground)
	if err := cmd.Start(); err != nil {
		log.Error().Err(err).Msg("cannot run the command")
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return exitNotFound
		}
		return exitCannotExec
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case sig := <-signals:
			if foreground && sig == os.Interrupt {
				// The terminal gave Ctrl-C to the command as well; a
				// second one would make it stop without finishing.
				continue
			}
			_ = cmd.Process.Signal(sig) // it may just have ended
		case <-ended:
			return status(cmd.ProcessState)
		}
	}
}

func status(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return exitSignal + int(ws.Signal())
	}
	return state.ExitCode()
}

// foreground reports whether a terminal's keys reach this process: then the
// command stays in its process group, to be able to read the terminal.
// Otherwise it gets a group of its own, so that a signal to the group of
// devstack reaches the command once, from devstack.
func foreground() bool {
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

func terminal(f *os.File) bool {
	_, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil
}
