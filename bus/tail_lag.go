package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// errNotPlaced is what a tail answers that does not follow events yet.
var errNotPlaced = errors.New("the tail has no position in the topic yet")

// Ping returns nil while events are followed, an error before the first
// position is fixed and while one that was lost is looked for anew.
func (t *Tail) Ping(context.Context) error {
	if !t.at.placed() {
		return errNotPlaced
	}
	return nil
}

// Behind asks Kafka how many events the tail has not handed on yet, and for how
// long it has not reached what was the end when somebody asked: 0 for a tail
// that keeps up, whatever is under way. The error is about Kafka, or ctx's.
func (t *Tail) Behind(ctx context.Context) (events int64, since time.Duration, err error) {
	if !t.at.placed() {
		return 0, 0, errNotPlaced
	}
	listed, err := t.listEnds(ctx)
	if err != nil {
		return 0, 0, err
	}
	events, since = t.at.behind(numbers(listed), time.Now())
	return events, since, nil
}

func numbers(listed map[int32]kadm.ListedOffset) map[int32]int64 {
	offsets := make(map[int32]int64, len(listed))
	for partition, o := range listed {
		offsets[partition] = o.Offset
	}
	return offsets
}

// position is how far a tail has come in each partition. The tail's goroutine
// moves it, those who watch read it.
type position struct {
	mu       sync.Mutex
	next     map[int32]int64 // the offset that is read next; nil: not placed
	mark     map[int32]int64 // ends that were seen at markedAt
	markedAt time.Time
}

// place sets the position; nil for none.
func (p *position) place(next map[int32]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next, p.mark = next, nil
}

func (p *position) placed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next != nil
}

// pass moves on behind what was fetched.
func (p *position) pass(fetches kgo.Fetches) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if n := len(f.Records); n > 0 {
			p.next[f.Partition] = f.Records[n-1].Offset + 1
		}
	})
}

// behind measures the distance to ends. The time is that of a mark, the ends of
// an earlier call: under load something is always on its way, so the distance
// alone does not tell a tail that keeps up from one that stands still.
func (p *position) behind(ends map[int32]int64, now time.Time) (events int64, since time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	events = p.distance(ends)
	if p.mark != nil && p.distance(p.mark) > 0 {
		return events, now.Sub(p.markedAt)
	}
	p.mark, p.markedAt = ends, now
	return events, 0
}

func (p *position) distance(ends map[int32]int64) (events int64) {
	for partition, end := range ends {
		events += max(0, end-p.next[partition])
	}
	return events
}
