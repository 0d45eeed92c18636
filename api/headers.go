package api

import "bytes"

// singles is a set of headers that count once.
type singles uint32

const (
	hostHeader singles = 1 << iota
	contentLength
	transferEncoding
	originHeader
	requestIDHeader
)

// counted lists the headers that count once. It is one rule for every header
// that anything here reads: whichever of two lines a proxy takes, and whichever
// this server, they would not speak of the same request. Two Idempotency-Keys
// could be two orders. So a second line is refused, before anything is done
// (framing.field), also of one that RFC 9110 would let be a list over lines,
// since one line of it is all that is read.
//
// What is not here is either read over all its lines (Cookie), or only chooses
// how an answer looks (Accept, Accept-Encoding), or counts for nothing when it
// is there twice (Traceparent), or is not read.
var counted = [...]string{
	"Host", "Content-Length", "Transfer-Encoding", "Origin", "X-Request-Id",
	"Access-Control-Request-Headers", "Access-Control-Request-Method", "Authorization", "Content-Encoding",
	"Content-Type", "Expect", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID",
	"Webhook-Id", "Webhook-Signature", "Webhook-Timestamp",
}

// countedByLength finds a header by comparing it with the one or two that are
// as long.
var countedByLength = func() (t [32][]int) {
	for i, name := range counted {
		t[len(name)] = append(t[len(name)], i)
	}
	return t
}()

// singleOf is the header of that name as a set, empty if it may come twice.
func singleOf(name []byte) singles {
	if len(name) >= len(countedByLength) {
		return 0
	}
	for _, i := range countedByLength[len(name)] {
		if bytes.EqualFold(name, []byte(counted[i])) {
			return 1 << i
		}
	}
	return 0
}

// onlyLine is what a header says, and nil only where it was not sent: Peek may
// answer nil of an empty one, too. It shows the request's memory.
func onlyLine(lines [][]byte) []byte {
	switch {
	case len(lines) == 0:
		return nil
	case lines[0] == nil:
		return []byte{}
	}
	return lines[0]
}
