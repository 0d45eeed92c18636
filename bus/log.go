package bus

import (
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"
)

// logger writes kgo's log to zerolog, one level quieter: what kgo calls
// information is the course of every request, and what it calls an error is
// one that it goes on to retry. What matters is logged by the parts.
type logger struct{ log zerolog.Logger }

func newLogger(log zerolog.Logger) kgo.Logger { return logger{quiet(log)} }

// quiet lets 20 messages of a level pass in 10 s: with a broker away, every
// connection, request and batch has one to say, several times a second.
func quiet(log zerolog.Logger) zerolog.Logger {
	burst := func() zerolog.Sampler { return &zerolog.BurstSampler{Burst: 20, Period: 10 * time.Second} }
	return log.Sample(zerolog.LevelSampler{WarnSampler: burst(), ErrorSampler: burst()})
}

// Level tells kgo what it need not format at all.
func (l logger) Level() kgo.LogLevel {
	switch max(l.log.GetLevel(), zerolog.GlobalLevel()) {
	case zerolog.TraceLevel:
		return kgo.LogLevelDebug
	case zerolog.DebugLevel:
		return kgo.LogLevelInfo
	case zerolog.InfoLevel, zerolog.WarnLevel:
		return kgo.LogLevelWarn
	case zerolog.Disabled:
		return kgo.LogLevelNone
	}
	return kgo.LogLevelError
}

// Log writes one message of kgo's.
func (l logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	l.log.WithLevel(zerologLevel(level)).Fields(keyvals).Msg(msg)
}

func zerologLevel(level kgo.LogLevel) zerolog.Level {
	switch level {
	case kgo.LogLevelError, kgo.LogLevelWarn:
		return zerolog.WarnLevel
	case kgo.LogLevelInfo:
		return zerolog.DebugLevel
	}
	return zerolog.TraceLevel
}
