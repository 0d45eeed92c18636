package main

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
)

func TestReceiptsKeepEveryOrder(t *testing.T) {
	const n = 3 * chunkSize
	var r receipts
	var adding sync.WaitGroup
	for buyer := range uint32(3) {
		adding.Go(func() {
			for range n / 3 {
				r.add([]byte(uuid.NewString()), buyer)
			}
		})
	}
	adding.Wait()
	all := r.sorted()
	if r.len() != n || len(all) != n || !slices.IsSortedFunc(all, compareReceipts) {
		t.Errorf("%d receipts, %d sorted ones, of %d", r.len(), len(all), n)
	}
	if got := repeated(all); got != 0 {
		t.Errorf("%d are repeated", got)
	}
}

func TestOrderGivenToTwoBuyersIsNoticed(t *testing.T) {
	var r receipts
	same := []byte(uuid.NewString())
	r.add(same, 1)
	r.add([]byte(uuid.NewString()), 1)
	r.add(same, 2)
	if got := repeated(r.sorted()); got != 1 {
		t.Errorf("%d are repeated, want 1", got)
	}
}

func TestWhatIsNotKnownForCertainIsUnknown(t *testing.T) {
	var r receipts
	r.asked.Add(10)
	r.refused.Add(4)
	r.add([]byte(uuid.NewString()), 0)
	r.add([]byte("no id"), 0)
	if got := r.unknown(); got != 4 || r.nameless != 1 {
		t.Errorf("%d are unknown and %d nameless, want 4 and 1", got, r.nameless)
	}
}
