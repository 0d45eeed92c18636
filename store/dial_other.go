//go:build !linux

package store

import "syscall"

// limitUnacked is for Linux: elsewhere keepalive and the statements' deadlines
// have to do.
func limitUnacked(string, string, syscall.RawConn) error { return nil }
