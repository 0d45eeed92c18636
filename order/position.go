package order

import (
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Position is where a PENDING order is in the line of those whose saga has not
// been started.
type Position struct {
	Ahead int64         // orders before it
	Wait  time.Duration // until its turn, at the speed of the last seconds; 0: unknown
}

// AppendMembers appends p as members of a JSON object, the wait in whole
// seconds, rounded up, where it is known.
func (p Position) AppendMembers(b []byte) []byte {
	b = strconv.AppendInt(append(b, `"position":`...), p.Ahead, 10)
	if p.Wait > 0 {
		b = strconv.AppendInt(append(b, `,"estimatedSeconds":`...), int64(math.Ceil(p.Wait.Seconds())), 10)
	}
	return b
}

// AcceptedAt is when the order was given its id, a UUIDv7 (RFC 9562, section
// 5.7), to the millisecond.
func AcceptedAt(id uuid.UUID) time.Time {
	sec, nsec := id.Time().UnixTime()
	return time.Unix(sec, nsec).UTC()
}
