package engine

import (
	"slices"
	"time"
)

// arrival is a request that is due.
type arrival struct {
	n   uint64
	due time.Duration
}

// queue is first in, first out.
type queue[T any] struct {
	items []T
	first int // of items; those before are gone
}

func (q *queue[T]) len() int { return len(q.items) - q.first }

func (q *queue[T]) push(item T) { q.items = append(q.items, item) }

func (q *queue[T]) pop() (item T, some bool) {
	if q.len() == 0 {
		return item, false
	}
	item = q.items[q.first]
	q.first++
	if q.first > len(q.items)/2 { // each item is moved once at the most, on average
		q.items = slices.Delete(q.items, 0, q.first)
		q.first = 0
	}
	return item, true
}

// remove takes the items that match out of the queue.
func (q *queue[T]) remove(match func(T) bool) {
	q.items = slices.DeleteFunc(slices.Delete(q.items, 0, q.first), match)
	q.first = 0
}
