package measure

import (
	"bytes"
	"sync"
)

// maxTail bounds what is kept of a server's output, in bytes.
const maxTail = 16 << 10

// tail keeps the last lines that were written, to be shown where something
// broke.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > maxTail {
		_, lines, _ := bytes.Cut(t.kept[len(t.kept)-maxTail/2:], []byte("\n"))
		t.kept = append(t.kept[:0], lines...)
	}
	return len(p), nil
}

// String returns the lines.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
