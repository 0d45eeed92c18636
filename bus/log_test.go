package bus

import (
	"bytes"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestLoggerAsksKgoOnlyForWhatIsWritten(t *testing.T) {
	t.Parallel()
	for level, want := range map[zerolog.Level]kgo.LogLevel{
		zerolog.TraceLevel: kgo.LogLevelDebug,
		zerolog.DebugLevel: kgo.LogLevelInfo,
		zerolog.InfoLevel:  kgo.LogLevelWarn,
		zerolog.WarnLevel:  kgo.LogLevelWarn,
		zerolog.ErrorLevel: kgo.LogLevelError,
		zerolog.Disabled:   kgo.LogLevelNone,
	} {
		if got := newLogger(zerolog.New(nil).Level(level)).Level(); got != want {
			t.Errorf("at %s kgo logs %s, want %s", level, got, want)
		}
	}
}

func TestLoggerDoesNotFlood(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newLogger(zerolog.New(&out).Level(zerolog.InfoLevel))
	for range 1000 {
		l.Log(kgo.LogLevelError, "unable to open connection to broker", "addr", "127.0.0.1:1")
		l.Log(kgo.LogLevelInfo, "metadata update triggered")
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); lines < 1 || lines > 40 {
		t.Errorf("%d lines were written", lines)
	}
	if !bytes.Contains(out.Bytes(), []byte(`"level":"warn","addr":"127.0.0.1:1"`)) {
		t.Errorf("unexpected form: %.200s", out.String())
	}
}
