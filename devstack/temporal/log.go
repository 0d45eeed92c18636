package temporal

import (
	"fmt"
	"sync/atomic"

	"github.com/rs/zerolog"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// serverLog writes the server's log to zerolog, from a level that changes: the
// four services start and stop one after the other, and meanwhile each
// complains of the others' absence.
type serverLog struct {
	zerolog.Logger
	floor *atomic.Int32 // a zerolog.Level
}

// from drops what is below level.
func (l serverLog) from(level zerolog.Level) { l.floor.Store(int32(level)) }

var (
	_ log.Logger     = serverLog{}
	_ log.WithLogger = serverLog{}
)

func (l serverLog) Debug(msg string, tags ...tag.Tag)  { l.write(zerolog.DebugLevel, msg, tags) }
func (l serverLog) Info(msg string, tags ...tag.Tag)   { l.write(zerolog.InfoLevel, msg, tags) }
func (l serverLog) Warn(msg string, tags ...tag.Tag)   { l.write(zerolog.WarnLevel, msg, tags) }
func (l serverLog) Error(msg string, tags ...tag.Tag)  { l.write(zerolog.ErrorLevel, msg, tags) }
func (l serverLog) DPanic(msg string, tags ...tag.Tag) { l.write(zerolog.ErrorLevel, msg, tags) }

// Panic and Fatal are logged at a level that does not end the process by
// itself, then do what their callers rely on.
func (l serverLog) Panic(msg string, tags ...tag.Tag) {
	l.write(zerolog.ErrorLevel, msg, tags)
	panic(msg)
}

func (l serverLog) Fatal(msg string, tags ...tag.Tag) { fields(l.Logger.Fatal(), tags).Msg(msg) }

// With returns a logger that adds tags to every line.
func (l serverLog) With(tags ...tag.Tag) log.Logger {
	c := l.Logger.With()
	for _, t := range tags {
		c = c.Str(t.Key(), fmt.Sprint(t.Value()))
	}
	return serverLog{c.Logger(), l.floor}
}

func (l serverLog) write(level zerolog.Level, msg string, tags []tag.Tag) {
	if int32(level) < l.floor.Load() {
		return
	}
	fields(l.WithLevel(level), tags).Msg(msg)
}

func fields(e *zerolog.Event, tags []tag.Tag) *zerolog.Event {
	if e == nil {
		return nil
	}
	for _, t := range tags {
		e.Str(t.Key(), fmt.Sprint(t.Value()))
	}
	return e
}
