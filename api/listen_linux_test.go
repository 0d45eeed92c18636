package api

import (
	"net"
	"syscall"
	"testing"
)

// A phone that changes its network leaves its stream without a word. After ten
// such changes its owner would have as many streams as one may have.
func TestAConnectionToAVanishedClientBreaksSoon(t *testing.T) {
	s := NewHealth(Config{}, nil)
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(t.Context())
	client, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := s.listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	raw, err := accepted.(*conn).Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for name, option := range map[string]struct{ level, number, want int }{
		"SO_KEEPALIVE":     {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		"TCP_USER_TIMEOUT": {syscall.IPPROTO_TCP, 0x12, 30_000},
	} {
		var got int
		if failed := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), option.level, option.number) }); failed != nil {
			t.Fatal(failed)
		}
		if err != nil || got != option.want {
			t.Errorf("%s is %d (%v), want %d", name, got, err, option.want)
		}
	}
}
