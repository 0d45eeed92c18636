package bus

import (
	"context"
	"time"

	"order-service/failpoint"
)

const (
	// maxDelete bounds the ids of one DeleteOutbox, and those that wait for one.
	maxDelete = 1000
	// deleteAfter is how long an acknowledged batch may wait for others. A
	// crash publishes again what was not deleted yet, so it is short.
	deleteAfter = 150 * time.Millisecond
)

// deleteAcked removes published batches, many at once: a statement and a
// commit for every round would be most of what the outbox costs Postgres. It
// never holds up a round. Rows that could not be deleted are published again by
// a sweeper.
func (r *Relay) deleteAcked() error {
	for id := range r.acked {
		ids := r.gatherAcked(id)
		if err := r.delete(ids); err != nil {
			r.log.Warn().Err(err).Int("batches", len(ids)).Msg("published batches not deleted, they will be published again")
		}
	}
	return nil
}

// gatherAcked adds to first the ids that come within deleteAfter, or until the
// last publisher has returned.
func (r *Relay) gatherAcked(first int64) []int64 {
	ids := []int64{first}
	due := time.After(deleteAfter)
	for len(ids) < maxDelete {
		select {
		case id, ok := <-r.acked:
			if !ok {
				return ids
			}
			ids = append(ids, id)
		case <-due:
			return ids
		}
	}
	return ids
}

func (r *Relay) delete(ids []int64) error {
	ctx, cancel := context.WithTimeout(r.life.finishing, 5*time.Second)
	defer cancel()
	if err := failpoint.Hit(failpoint.RelayDeleteBefore); err != nil {
		return err
	}
	return r.outbox.DeleteOutbox(ctx, ids)
}
