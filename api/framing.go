package api

import (
	"bytes"
	"strconv"

	"order-service/order"
)

// framing reads a connection's bytes along with fasthttp and knows where each
// request ends. It lets only those pass that can be read in one way: where a
// proxy in front and this server could disagree, a request can be hidden in the
// body of another (RFC 9112, section 11.2). So it refuses what sections 2 to 7
// forbid and, of what they leave to a server, what servers are known to differ
// in:
//
//   - a line ends with CRLF and has no CR, LF or NUL in it
//   - the request line is method, target and HTTP/1.1 or 1.0, with one space
//     between; the target is a path that begins with one slash, the http URL of
//     one, or the * of OPTIONS
//   - a header is a name, a colon and a value, on one line
//   - HTTP/1.1 has a Host; and what counts once (headers.go) is there once
//   - Content-Length is digits; Transfer-Encoding is chunked, in HTTP/1.1, and
//     excludes the other
//   - a chunk has no extension, and no fields follow the last one: nothing here
//     would read them
//
// What it allows fasthttp may still refuse, and the limits are fasthttp's.
type framing struct {
	stage stage
	left  int64  // bytes of content to come before stage
	line  []byte // the beginning of a line whose end has not come yet
	nul   bool   // there is a NUL in what is being read, maybe in its content
	head  requestHead
}

// stage is what comes next on a connection.
type stage int

const (
	requestLine stage = iota
	fieldLine         // or the empty line behind the last
	chunkSize
	chunkEnd
	bodyEnd // the empty line behind the last chunk
)

// Digits that fit an int64, and are more than any body may have.
const (
	maxLengthDigits = 18
	maxChunkDigits  = 8
)

// pass reads b along. When a request in it cannot pass, the error is what its
// sender is told, and good how much of b belongs to those before it.
func (f *framing) pass(b []byte) (good int, err error) {
	f.nul = bytes.IndexByte(b, 0) >= 0
	for at := 0; at < len(b); {
		if f.idle() {
			f.head.forget()
		}
		if f.left > 0 {
			n := min(f.left, int64(len(b)-at))
			f.left -= n
			at += int(n)
		} else {
			n := bytes.IndexByte(b[at:], '\n') + 1
			if n == 0 {
				return good, f.keep(b[at:])
			}
			if err := f.take(b[at : at+n]); err != nil {
				return good, err
			}
			at += n
		}
		if f.idle() {
			good = at
		}
	}
	return len(b), nil
}

// idle reports whether no request has begun that has not ended.
func (f *framing) idle() bool {
	return f.stage == requestLine && f.left == 0 && !f.head.begun && len(f.line) == 0
}

// keep notes the beginning of a line. Of headers, fasthttp refuses what is too
// long before this does.
func (f *framing) keep(part []byte) error {
	f.line = append(f.line, part...)
	switch {
	case len(f.line) > maxHeaders:
		return unreadable("A line is too long.")
	case bytes.IndexByte(part, 0) >= 0:
		return unreadable("There is a NUL in a line.")
	}
	return nil
}

// take reads a line, or the rest of one that began earlier.
func (f *framing) take(rest []byte) error {
	line := rest
	if len(f.line) > 0 {
		line = append(f.line, rest...)
		f.line = line[:0]
	}
	text := len(line) - len("\r\n")
	if text < 0 || bytes.IndexByte(line, '\r') != text || f.nul && bytes.IndexByte(line, 0) >= 0 {
		return unreadable("A line does not end with CRLF, or has another CR or a NUL in it.")
	}
	line = line[:text]
	switch f.stage {
	case requestLine:
		return f.begin(line)
	case fieldLine:
		return f.field(line)
	case chunkSize:
		return f.chunk(line)
	case chunkEnd:
		f.stage = chunkSize
	case bodyEnd:
		f.end()
	}
	if len(line) > 0 {
		return unreadable("A chunk is longer than its size, or fields follow the last one.")
	}
	return nil
}

// end expects the next request once the content that is left has come. It may
// be long in coming, so nothing is kept for it.
func (f *framing) end() {
	f.stage, f.head.begun, f.line = requestLine, false, nil
}

func (f *framing) chunk(line []byte) error {
	size, err := strconv.ParseUint(string(line), 16, 63)
	if err != nil || len(line) > maxChunkDigits {
		return unreadable("The size of a chunk is not one hexadecimal number.")
	}
	if f.left, f.stage = int64(size), chunkEnd; size == 0 {
		f.stage = bodyEnd
	}
	return nil
}

func unreadable(format string, args ...any) error {
	return order.Errorf(codeBadRequest, format, args...)
}
