package engine

import (
	"bytes"
	"errors"
	"strconv"
)

// Answer is a response as far as the tool reads it. Body is only good until
// the next read of its connection.
type Answer struct {
	Status int
	Body   []byte
	close  bool // the server ends the connection
}

var (
	errIncomplete = errors.New("the answer is not complete yet")
	errNotHTTP    = errors.New("the answer is not HTTP/1.1")
	errUnframed   = errors.New("the answer says neither its length nor that it is chunked")
)

// parse reads one HTTP/1.1 response (RFC 9112) from the beginning of data and
// returns how many bytes it had. Interim responses (1xx) do not occur: nothing
// here asks for one.
func parse(data []byte) (Answer, int, error) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return Answer{}, 0, errIncomplete
	}
	if end < 12 || !bytes.HasPrefix(data, []byte("HTTP/1.")) {
		return Answer{}, 0, errNotHTTP
	}
	a := Answer{Status: number(data[9:12])}
	if a.Status < 0 {
		return Answer{}, 0, errNotHTTP
	}
	h, body := readHeader(data[:end]), data[end+4:]
	a.close = h.close
	switch {
	case a.Status == 204 || a.Status == 304:
		return a, end + 4, nil
	case h.chunked:
		n, err := a.unchunk(body)
		return a, end + 4 + n, err
	case h.length < 0:
		return a, 0, errUnframed
	case len(body) < h.length:
		return a, 0, errIncomplete
	}
	a.Body = body[:h.length]
	return a, end + 4 + h.length, nil
}

// header is what frames a message.
type header struct {
	length  int // -1: not given
	chunked bool
	close   bool
}

func readHeader(lines []byte) header {
	h := header{length: -1}
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		switch {
		case hasName(line, "content-length:"):
			h.length = number(bytes.TrimSpace(line[len("content-length:"):]))
		case hasName(line, "transfer-encoding:"):
			h.chunked = bytes.HasSuffix(bytes.ToLower(line), []byte("chunked"))
		case hasName(line, "connection:"):
			h.close = bytes.EqualFold(bytes.TrimSpace(line[len("connection:"):]), []byte("close"))
		}
	}
	return h
}

// hasName looks at the first letter first, for most lines have another name.
func hasName(line []byte, name string) bool {
	return len(line) >= len(name) && line[0]|0x20 == name[0] && bytes.EqualFold(line[:len(name)], []byte(name))
}

// number parses digits; anything else is -1.
func number(digits []byte) (n int) {
	if len(digits) == 0 || len(digits) > 9 {
		return -1
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return -1
		}
		n = 10*n + int(d-'0')
	}
	return n
}

// unchunk joins a chunked body and returns how many bytes it took up. It
// copies, which only proxies in front of a service make necessary.
func (a *Answer) unchunk(data []byte) (int, error) {
	read := 0
	for {
		line, rest, found := bytes.Cut(data[read:], []byte("\r\n"))
		if !found {
			return 0, errIncomplete
		}
		size, err := chunkSize(line)
		if err != nil {
			return 0, err
		}
		read += len(line) + 2
		if size == 0 {
			n, err := trailer(rest)
			return read + n, err
		}
		if len(rest) < size+2 {
			return 0, errIncomplete
		}
		a.Body = append(a.Body, rest[:size]...)
		read += size + 2
	}
}

// chunkSize parses a chunk's first line, whatever extension stands there.
func chunkSize(line []byte) (int, error) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
	if err != nil || size > maxAnswer {
		return 0, errNotHTTP
	}
	return int(size), nil
}

// trailer returns the length of the fields behind the last chunk, up to and
// with the empty line.
func trailer(data []byte) (n int, err error) {
	for {
		line, _, found := bytes.Cut(data[n:], []byte("\r\n"))
		if !found {
			return 0, errIncomplete
		}
		n += len(line) + 2
		if len(line) == 0 {
			return n, nil
		}
	}
}

// member returns the text of a JSON string by its quoted name and colon, such
// as `"code":`, nil when it is not there. It is good for the answers of a
// service that writes compact JSON without escapes in these fields.
func member(body []byte, name string) []byte {
	i := bytes.Index(body, []byte(name))
	if i < 0 {
		return nil
	}
	text, ok := bytes.CutPrefix(bytes.TrimLeft(body[i+len(name):], " "), []byte(`"`))
	if !ok {
		return nil
	}
	end := bytes.IndexByte(text, '"')
	if end < 0 {
		return nil
	}
	return text[:end]
}

// Problem is the answer's problem code (RFC 9457 with a member "code"), nil
// when it is none.
func (a Answer) Problem() []byte {
	if a.Status < 400 {
		return nil
	}
	return member(a.Body, `"code":`)
}

// OrderID is the id of the order that the answer is about, nil when there is none.
func (a Answer) OrderID() []byte { return member(a.Body, `"orderId":`) }

// AccessToken is the token of a login's answer, nil when there is none.
func (a Answer) AccessToken() []byte { return member(a.Body, `"accessToken":`) }
