package saga

import (
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/sdk/log"
)

// logger is zerolog as the SDK's log.Logger.
type logger struct{ zerolog.Logger }

var _ log.WithLogger = logger{}

func (l logger) Debug(msg string, keyvals ...any) { l.Logger.Debug().Fields(keyvals).Msg(msg) }
func (l logger) Info(msg string, keyvals ...any)  { l.Logger.Info().Fields(keyvals).Msg(msg) }
func (l logger) Warn(msg string, keyvals ...any)  { l.Logger.Warn().Fields(keyvals).Msg(msg) }
func (l logger) Error(msg string, keyvals ...any) { l.Logger.Error().Fields(keyvals).Msg(msg) }

// With returns a logger that adds keyvals to every line.
func (l logger) With(keyvals ...any) log.Logger {
	return logger{l.Logger.With().Fields(keyvals).Logger()}
}

// sampled returns l with at most ten lines per level and second: while a
// backend is down, every poller and every order would write the same line.
func sampled(l zerolog.Logger) zerolog.Logger {
	burst := func() zerolog.Sampler { return &zerolog.BurstSampler{Burst: 10, Period: time.Second} }
	return l.Sample(zerolog.LevelSampler{InfoSampler: burst(), WarnSampler: burst(), ErrorSampler: burst()})
}
