package store

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Most groups confirm nothing and time nothing out.
func TestAGroupAsksForPaymentsOnlyWhereItMayMeetOne(t *testing.T) {
	id := uuid.Must(uuid.NewV7())
	for name, c := range map[string]struct {
		ids      []string
		timedOut []uuid.UUID
		want     int
	}{
		"nothing is paid or over": {nil, nil, 0},
		"one is to be confirmed":  {[]string{"pay"}, nil, 1},
		"one has timed out":       {nil, []uuid.UUID{id}, 1},
	} {
		var batch pgx.Batch
		(&group{}).lockPayments(&batch, c.ids, c.timedOut)
		if batch.Len() != c.want {
			t.Errorf("%s: %d statements, want %d", name, batch.Len(), c.want)
		}
	}
}
