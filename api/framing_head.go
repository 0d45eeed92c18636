package api

import (
	"bytes"
	"strconv"
)

// requestHead is what framing knows of the request that is being read.
type requestHead struct {
	begun     bool // at least an empty line was there
	http10    bool
	seen      singles
	chunked   bool
	length    int64
	origin    []byte // for an answer to a request that could not be read
	requestID []byte // as well
}

// forget makes room for the next request, of which the first byte has come: where
// that cannot be read, it is not answered as the one before. Until then that one's
// content may still be refused, and fasthttp has no headers any more by then.
func (h *requestHead) forget() {
	*h = requestHead{origin: h.origin[:0], requestID: h.requestID[:0]}
}

// begin reads a request line. One empty line before it is ignored, as section
// 2.2 of RFC 9112 has it.
func (f *framing) begin(line []byte) error {
	if len(line) == 0 && !f.head.begun {
		f.head.begun = true
		return nil
	}
	f.head.begun = true
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	f.head.http10 = string(version) == "HTTP/1.0"
	readable := f.head.http10 || string(version) == "HTTP/1.1"
	if !readable || len(method) == 0 || tokenOf(method) < len(method) || !readableTarget(method, target) {
		return unreadable("The request line is not a method, a target and HTTP/1.1.")
	}
	f.stage = fieldLine
	return nil
}

// readableTarget wants what servers split into host and path in the same way
// (RFC 9112, section 3.2). CONNECT is for proxies.
func readableTarget(method, target []byte) bool {
	for _, c := range target {
		if c <= ' ' || c == '#' || c == 0x7f {
			return false
		}
	}
	if len(target) > 0 && target[0] == '/' {
		return len(target) == 1 || target[1] != '/' // fasthttp takes what follows two for a host
	}
	scheme, rest, absolute := bytes.Cut(target, []byte("://"))
	if !absolute {
		return string(target) == "*" && string(method) == "OPTIONS"
	}
	host, _, _ := bytes.Cut(rest, []byte("/"))
	return (string(scheme) == "http" || string(scheme) == "https") && readableHost(host)
}

// readableHost wants a host with or without a port, and no user.
func readableHost(host []byte) bool {
	return len(host) > 0 && !bytes.ContainsAny(host, " \t,/?@\\")
}

// field reads a header, or the end of all.
func (f *framing) field(line []byte) error {
	if len(line) == 0 {
		return f.headed()
	}
	colon := tokenOf(line)
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return unreadable("A header is not a name, a colon and a value on one line.")
	}
	name := line[:colon]
	id := singleOf(name)
	if id == 0 {
		return nil
	}
	if f.head.seen&id != 0 {
		return unreadable("The header %s is there twice.", name)
	}
	f.head.seen |= id
	if id > requestIDHeader {
		return nil // means nothing here
	}
	return f.note(id, bytes.Trim(line[colon+1:], " \t"))
}

// note keeps what a header means for framing, and for an answer to a request
// that cannot be read.
func (f *framing) note(id singles, value []byte) error {
	h := &f.head
	switch id {
	case hostHeader:
		if !readableHost(value) {
			return unreadable("The Host is not a host with or without a port.")
		}
	case contentLength:
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || len(value) > maxLengthDigits {
			return unreadable("The Content-Length is not one whole number.")
		}
		h.length = int64(n)
	case transferEncoding:
		if h.http10 || !bytes.EqualFold(value, []byte("chunked")) {
			return unreadable("The only Transfer-Encoding is chunked, in HTTP/1.1.")
		}
		h.chunked = true
	case originHeader:
		h.origin = append(h.origin, value...)
	case requestIDHeader:
		h.requestID = append(h.requestID, value...)
	}
	return nil
}

// headed judges the headers as a whole and goes on to the body.
func (f *framing) headed() error {
	h := &f.head
	switch {
	case h.seen&hostHeader == 0 && !h.http10:
		return unreadable("There is no Host.")
	case h.chunked && h.seen&contentLength != 0:
		return unreadable("Content-Length and Transfer-Encoding exclude each other.")
	case h.chunked:
		f.stage = chunkSize
	default:
		f.left = h.length
		f.end()
	}
	return nil
}

// tokenOf is the length of the token (RFC 9110, section 5.6.2) that text begins
// with.
func tokenOf(text []byte) int {
	for i, c := range text {
		if !tokenBytes[c] {
			return i
		}
	}
	return len(text)
}

var tokenBytes = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		t[c] = true
	}
	return t
}()
