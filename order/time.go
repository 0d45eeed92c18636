package order

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

// The ends of the range of times that a client may write. What is later than
// the year 9999 has no form in RFC 3339, although an offset can write it: nobody
// could read it back. Before 1970 is where a zero time is at home, which stands
// for none.
var (
	minTime = time.Unix(0, 0).UTC()
	maxTime = time.Date(9999, time.December, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)
)

// rfc3339 is the form of a date-time (RFC 3339, section 5.6). time.Parse, which
// knows the calendar, also takes an hour of one digit, a comma before the
// fraction and an offset of a day.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

var (
	errTimeForm  = errors.New("must be a time such as 2026-01-31T12:00:00Z")
	errTimeRange = errors.New("must be from 1970 to 9999, in UTC")
)

// ParseTime reads a time as RFC 3339 has it and returns it in UTC, cut to the
// millisecond, to which times are written. Its error, which is for the client,
// says what is wrong with the form or that the time is not within 1970 to 9999.
// A leap second is not there either: nothing behind this could tell it from the
// next one.
func ParseTime(text string) (time.Time, error) {
	text = strings.ToUpper(text) // t and z are T and Z
	if !rfc3339.MatchString(text) {
		return time.Time{}, errTimeForm
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errTimeForm
	}
	if t = t.UTC().Truncate(time.Millisecond); !ValidTime(t) {
		return time.Time{}, errTimeRange
	}
	return t, nil
}

// ValidTime reports whether t is within 1970 to 9999, in UTC.
func ValidTime(t time.Time) bool { return ClampTime(t).Equal(t) }

// ClampTime returns t, or the end of the valid range that is nearest to it:
// before 1970 is as long ago, and after 9999 as never, as its bound.
func ClampTime(t time.Time) time.Time {
	switch {
	case t.Before(minTime):
		return minTime
	case t.After(maxTime):
		return maxTime
	}
	return t
}
