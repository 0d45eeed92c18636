package board

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

func pointNow(context.Context) point { return point{At: order.Time{Time: time.Now()}} }

// pipe serves a watcher over an in-memory connection, whose other end reads
// nothing by itself.
func pipe(b *Board, expires time.Time) (client net.Conn, ended chan struct{}) {
	client, conn := net.Pipe()
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		b.Serve(conn, expires)
	}()
	return client, ended
}

func TestWatcherThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(pointNow, zerolog.Nop())
		defer b.Close()
		_, ended := pipe(b, time.Now().Add(time.Hour))
		begun := time.Now()
		<-ended
		if took := time.Since(begun); took > 2*writeTimeout {
			t.Errorf("after %v", took)
		}
	})
}

func TestHistoryIsBoundedAndForgetsWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(pointNow, zerolog.Nop())
		defer b.Close()
		for range maxPoints + 50 {
			b.publish(pointNow(t.Context()))
			time.Sleep(every)
		}
		if n := strings.Count(string(b.past.opening(time.Now())), `"at"`); n != maxPoints {
			t.Errorf("%d points", n)
		}
		time.Sleep(maxPoints * every / 2)
		if n := strings.Count(string(b.past.opening(time.Now())), `"at"`); n != maxPoints/2 {
			t.Errorf("%d points after a pause", n)
		}
		if strings.Contains(string(b.past.opening(time.Now())), "event: board") {
			t.Error("an old point is shown as the present one")
		}
	})
}

func TestBoardThatWasIdleGathersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(pointNow, zerolog.Nop())
		for range 3 {
			client, ended := pipe(b, time.Now().Add(time.Hour))
			buffer := make([]byte, 1<<20)
			for range 4 { // opening and points
				if _, err := client.Read(buffer); err != nil {
					t.Fatal(err)
				}
			}
			_ = client.Close()
			<-ended
			time.Sleep(time.Minute)
		}
		if len(b.past.points) < 9 || len(b.past.points) > 15 {
			t.Errorf("%d points in three short visits", len(b.past.points))
		}
		b.Close()
		b.Close()
		if _, ended := pipe(b, time.Now().Add(time.Hour)); ended != nil {
			<-ended // at once
		}
	})
}
