package order_test

import (
	"testing"
	"time"

	"order-service/order"
)

func TestTimesHaveRFC3339sExactForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-01-31T12:00:00Z":                "2026-01-31T12:00:00Z",
		"2026-01-31t12:00:00z":                "2026-01-31T12:00:00Z",
		"2026-01-31T12:00:00.1Z":              "2026-01-31T12:00:00.1Z",
		"2026-01-31T12:00:00.123999999999Z":   "2026-01-31T12:00:00.123Z", // to the millisecond, as it is shown
		"2026-01-31T12:00:00+05:30":           "2026-01-31T06:30:00Z",
		"2026-01-31T12:00:00-00:00":           "2026-01-31T12:00:00Z",
		"2028-02-29T00:00:00Z":                "2028-02-29T00:00:00Z",
		"1970-01-01T00:00:00Z":                "1970-01-01T00:00:00Z",
		"1970-01-01T01:00:00+01:00":           "1970-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999Z":      "9999-12-31T23:59:59.999Z",
		"9999-12-31T23:59:59.999999999+23:59": "9999-12-31T00:00:59.999Z",
	} {
		if got, err := order.ParseTime(text); err != nil || got.Format(time.RFC3339Nano) != want || got.Location() != time.UTC {
			t.Errorf("%s is %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "tomorrow", "2026-01-31", "2026-01-31T12:00Z", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", " 2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z\n",
		"2026-01-31T2:00:00Z",                                   // an hour of one digit, which time.Parse takes
		"2026-01-31T12:00:00,5Z",                                // a comma, the same
		"2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+1:00", // an offset of a day, the same
		"2026-01-31T12:00:00+01:60", "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00ZZ",
		"2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-01-31T23:59:60Z", "2026-02-29T12:00:00Z", "2026-13-01T12:00:00Z", "2026-00-01T12:00:00Z",
		"+2026-01-31T12:00:00Z", "-026-01-31T12:00:00Z", "10000-01-01T00:00:00Z", "２026-01-31T12:00:00Z",
		"0001-01-01T00:00:00Z", "0000-01-01T00:00:00+01:00", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00+00:01", // too long ago
		"9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59-23:59", // the year 10000 in UTC
	} {
		if got, err := order.ParseTime(text); err == nil || !got.IsZero() {
			t.Errorf("%q was read as %v, %v", text, got, err)
		}
	}
}

// FuzzParseTime reads whatever comes, and what it accepts is written in a form
// that it accepts as the same time.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-01-31T12:00:00Z", "9999-12-31T23:59:59.999-23:59", "1970-01-01T00:00:00.5+01:00", "2026-01-31T2:00:00,5Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := order.ParseTime(text)
		if err != nil {
			return
		}
		written, _ := order.Time{Time: at}.MarshalJSON()
		again, err := order.ParseTime(string(written[1 : len(written)-1]))
		if err != nil || !again.Equal(at) || !order.ValidTime(at) {
			t.Fatalf("%q is %v, is written %s and read as %v, %v", text, at, written, again, err)
		}
	})
}

func TestATimeOutOfRangeIsReadAsTheNearestThatIsNot(t *testing.T) {
	t.Parallel()
	now, never := time.Now(), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
	for _, c := range []struct{ at, want time.Time }{
		{now, now}, {never, never}, {never.Add(time.Millisecond), never}, {time.Unix(1<<48, 0), never},
		{time.Unix(0, 0), time.Unix(0, 0)}, {time.Time{}, time.Unix(0, 0)}, {time.Unix(-1<<48, 0), time.Unix(0, 0)},
	} {
		if got := order.ClampTime(c.at); !got.Equal(c.want) || order.ValidTime(c.at) != c.at.Equal(c.want) {
			t.Errorf("%v is read as %v, want %v", c.at, got, c.want)
		}
	}
}
