package main

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// receipt is an order that the service said it has accepted: 20 bytes.
type receipt struct {
	order uuid.UUID
	buyer uint32
}

const (
	chunkSize   = 1 << 14
	maxReceipts = 50_000_000 // a gigabyte
)

// receipts keeps what the service has promised, to ask for it later. It grows
// by chunks, for to copy millions of them would hold up the load.
type receipts struct {
	mu        sync.Mutex
	chunks    [][]receipt
	n         int
	forgotten uint64 // past maxReceipts
	nameless  uint64 // accepted without a readable order id

	asked   atomic.Uint64 // orders
	refused atomic.Uint64 // of those, for certain
}

// unknown is how many orders may have been accepted without an answer.
func (r *receipts) unknown() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked.Load() - r.refused.Load() - uint64(r.n) - r.forgotten - r.nameless
}

// add keeps the order with the id in text, which may be reused afterwards.
func (r *receipts) add(text []byte, buyer uint32) {
	id, err := uuid.ParseBytes(text)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.nameless++
	case r.n == maxReceipts:
		r.forgotten++
	default:
		r.push(receipt{id, buyer})
	}
}

func (r *receipts) push(one receipt) {
	if r.n%chunkSize == 0 {
		r.chunks = append(r.chunks, make([]receipt, 0, chunkSize))
	}
	last := &r.chunks[len(r.chunks)-1]
	*last = append(*last, one)
	r.n++
}

// len is how many receipts are kept.
func (r *receipts) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// at returns one of those kept.
func (r *receipts) at(i int) receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.chunks[i/chunkSize][i%chunkSize]
}

// sorted returns all receipts by order, for the end: nothing is added any more.
func (r *receipts) sorted() []receipt {
	all := slices.Concat(r.chunks...)
	slices.SortFunc(all, compareReceipts)
	return all
}
