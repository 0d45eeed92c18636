package bus

import (
	"context"
	"testing"
	"time"

	"order-service/order"
)

func TestPublishProgressReturnsOnceTheEventCanBeRead(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	want := newOrder().First()
	if err := b.PublishProgress(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	r := readTopic(t, b, b.cfg.Topics.Progress, 1)[0]
	if got, err := decodeProgress(r); err != nil || got != want {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
}

func TestPublishProgressFailsInTimeWhenTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*wire){"cut": (*wire).cut, "mute": (*wire).mute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := new(wire)
			b := newBus(t, w.into)
			if err := b.PublishProgress(t.Context(), newOrder().First()); err != nil {
				t.Fatal(err)
			}
			harm(w)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			begun := time.Now()
			err := b.PublishProgress(ctx, newOrder().First())
			if err == nil || order.Permanent(err) {
				t.Errorf("PublishProgress returned %v", err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("PublishProgress took %v beyond its deadline", took)
			}
			w.mend()
			eventually(t, "publishing works again", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				return b.PublishProgress(ctx, newOrder().First()) == nil
			})
		})
	}
}
