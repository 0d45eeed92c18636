package cache

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// pair is a connection as the gate has them, and its other end.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = dialer(time.Second, nil)(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

func TestAReplyThatCameInTimeIsReadAfterTheDeadline(t *testing.T) {
	ours, theirs := pair(t)
	if _, err := theirs.Write([]byte("+PONG\r\n")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond) // we are late
	var n int
	err := os.ErrDeadlineExceeded
	reply := make([]byte, 16)
	for tries := 0; tries < 5 && errors.Is(err, os.ErrDeadlineExceeded); tries++ { // a busy machine may stop us once more as we look
		if err := ours.SetReadDeadline(time.Now().Add(-time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err = ours.Read(reply)
	}
	if err != nil || string(reply[:n]) != "+PONG\r\n" {
		t.Errorf("%q, %v", reply[:n], err)
	}
}

func TestASilentPeerIsStillGivenUp(t *testing.T) {
	ours, _ := pair(t)
	for range 2 {
		if err := ours.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := ours.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

func TestWhatWasNotDeliveredWhenALineIsGivenUpNeverIs(t *testing.T) {
	ours, theirs := pair(t)
	var written int
	err := os.ErrDeadlineExceeded
	for tries := 0; tries < 5 && written == 0; tries++ { // a busy machine may stop us before we write
		if err := ours.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		written, err = ours.Write(make([]byte, 64<<20)) // more than kernels keep
	}
	if written == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v", written, err)
	}
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if read, err := io.Copy(io.Discard, theirs); read == int64(written) {
		t.Errorf("all %d bytes arrived, %v", read, err)
	}
}
