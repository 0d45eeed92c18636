package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// intake compares what the service has answered with what is in its database.
type intake struct {
	Answered int64       `json:"answered"` // 202, each with an order id
	Rows     int64       `json:"rows"`     // orders of the product
	Unknown  uint64      `json:"unknown"`  // requests that may have a row although nobody was told
	Repeated int64       `json:"repeated"` // order ids that were given to two
	Units    int64       `json:"units"`    // of orders that have not failed
	Stock    int64       `json:"stock"`
	Lost     []lostOrder `json:"lost,omitempty"` // at most maxLost
	Missing  int64       `json:"missing"`        // how many there are of those

	nameless, forgotten uint64
}

const (
	auditBatch = 20_000 // receipts that one query looks up
	maxLost    = 20     // that are kept
	maxNamed   = 3      // in a sentence
)

// audit looks up every receipt.
func (s *session) audit(ctx context.Context, b books) (*intake, error) {
	in := &intake{Unknown: s.receipts.unknown(), Stock: s.product.Stock, nameless: s.receipts.nameless, forgotten: s.receipts.forgotten}
	all := s.receipts.sorted()
	in.Answered, in.Repeated = int64(len(all)), repeated(all)
	for batch := range slices.Chunk(all, auditBatch) {
		ids, buyers := make([][16]byte, len(batch)), make([]string, len(batch))
		for i, r := range batch {
			ids[i], buyers[i] = r.order, s.buyer(r)
		}
		lost, err := b.astray(ctx, ids, buyers)
		if err != nil {
			return nil, err
		}
		in.Missing += int64(len(lost))
		in.Lost = append(in.Lost, lost[:min(len(lost), maxLost-len(in.Lost))]...)
	}
	var err error
	in.Rows, in.Units, err = b.totals(ctx)
	return in, err
}

func compareReceipts(a, b receipt) int { return bytes.Compare(a.order[:], b.order[:]) }

// repeated counts the ids that stand more than once in sorted receipts.
func repeated(all []receipt) (n int64) {
	for i := 1; i < len(all); i++ {
		if all[i].order == all[i-1].order {
			n++
		}
	}
	return n
}

// failures say what was promised and not kept.
func (in *intake) failures() (all []string) {
	fail := func(broken bool, format string, args ...any) {
		if broken {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	fail(in.Missing > 0, "%d orders were accepted and are lost, such as %v", in.Missing, in.Lost[:min(len(in.Lost), maxNamed)])
	fail(in.Repeated > 0, "%d order ids were given to two buyers", in.Repeated)
	fail(in.nameless > 0, "%d answers 202 had no order id", in.nameless)
	told := in.Answered - in.Repeated + int64(in.forgotten)
	fail(in.Rows > told+int64(in.Unknown), "%d orders have rows; %d were accepted and %d may have been", in.Rows, told, in.Unknown)
	fail(in.Units > in.Stock, "%d units were accepted of %d: the ledger will fail those that are too many", in.Units, in.Stock)
	return all
}
