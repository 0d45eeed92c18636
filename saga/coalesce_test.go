package saga

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// drip is a connection to which bytes come one by one, at times since it begun,
// and then its end.
type drip struct {
	net.Conn
	begun time.Time
	times []time.Duration
	read  int
	reads int
	late  time.Duration // the longest that a byte lay there
}

func (d *drip) Read(p []byte) (int, error) {
	if d.read == len(d.times) {
		return 0, io.EOF
	}
	time.Sleep(d.times[d.read] - time.Since(d.begun))
	now := time.Since(d.begun)
	d.late = max(d.late, now-d.times[d.read])
	n := 0
	for n < len(p) && d.read < len(d.times) && d.times[d.read] <= now {
		p[n] = byte(d.read)
		n++
		d.read++
	}
	d.reads++
	return n, nil
}

// every appends n times to those there are.
func every(gap time.Duration, n int, times ...time.Duration) []time.Duration {
	last := time.Duration(0)
	if len(times) > 0 {
		last = times[len(times)-1]
	}
	for range n {
		last += gap
		times = append(times, last)
	}
	return times
}

func TestAnswersThatComeOftenAreReadTogetherAndOthersAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		times       []time.Duration
		room        int
		least, most int           // reads
		late        time.Duration // at most
	}{
		"often":                  {every(time.Millisecond, 1000), 512, 50, 65, readGap},
		"seldom":                 {every(readGap/(oftenReads-2), 200), 512, 200, 200, 0},
		"often, and then seldom": {every(2*readGap, 100, every(time.Millisecond, 100)...), 512, 105, 118, readGap},
		"a few, and a pause":     {every(time.Second, 1, every(time.Millisecond, oftenReads-1)...), 512, oftenReads, oftenReads, 0},
		"more than is asked for": {every(time.Microsecond, 20_000), 16, 1250, 1270, readGap},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &drip{begun: time.Now(), times: test.times}
				c := &coalesced{Conn: d}
				var got bytes.Buffer
				room := make([]byte, test.room)
				for n, err := c.Read(room); err == nil; n, err = c.Read(room) {
					got.Write(room[:n])
				}
				for i, b := range got.Bytes() {
					if b != byte(i) {
						t.Fatalf("byte %d is not the one that was sent", i)
					}
				}
				if got.Len() != len(test.times) {
					t.Errorf("%d bytes were read of %d", got.Len(), len(test.times))
				}
				if d.reads < test.least || d.reads > test.most {
					t.Errorf("%d reads, want %d to %d", d.reads, test.least, test.most)
				}
				if d.late > test.late {
					t.Errorf("one waited for %s, want %s at most", d.late, test.late)
				}
			})
		})
	}
}
