package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// What a burden is made of.
var (
	crowdedStreams = min(either(2_000, 20_000), descriptors()-500)
	reconnecting   = either(16, 64) // streams that are being opened at any time
	readers        = either(16, 64)
	watchers       = 15 // of the board; a process has room for 20
)

// descriptors is how many this process, and each that it starts, may have.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// burden is something that those who order must not feel. It calls there once it
// weighs what it is to weigh, lasts until its context ends, and returns what it did.
type burden func(ctx context.Context, s *shop, there func()) (did string)

// TestOrdersAreTakenUnder has an order taken every few milliseconds while the
// same process has something else to do, and far too much of it. One burden is not
// heavy but complete: it leaves no connection to Postgres to anybody but intake.
func TestOrdersAreTakenUnder(t *testing.T) {
	t.Parallel()
	s := newShop(t, "SSE_MAX_STREAMS_PER_USER", "200")
	s.start("worker")
	api := s.startWatched("api", nil)
	productID := s.product(1_000_000)
	s.anyone().buy(productID, 1) // the gate has its price
	for name, bear := range map[string]burden{
		"ReconnectingStreams": reconnect,
		"AStormOfReads":       read,
		"TheBoard":            watchBoard,
		"Verify":              verifyAgainAndAgain,
		"AllConnectionsTaken": api.takeConnections,
	} {
		t.Run(name, func(t *testing.T) {
			mine := *s // with this burden's t
			mine.t = t
			mine.sellUnder(bear, productID)
		})
	}
}

// sellUnder sells for a while once the burden is there.
func (s *shop) sellUnder(bear burden, productID string) {
	s.t.Helper()
	ctx, lift := context.WithCancel(s.t.Context())
	var borne sync.WaitGroup
	begun := make(chan struct{})
	borne.Go(func() { s.t.Log(bear(ctx, s, sync.OnceFunc(func() { close(begun) }))) })
	select {
	case <-begun:
		s.sellQuickly(productID)
	case <-time.After(patience):
		s.t.Error("the burden does not weigh enough")
	}
	lift()
	borne.Wait()
}

func (s *shop) sellQuickly(productID string) {
	s.t.Helper()
	took := s.place(productID, either(200, 2_000))
	slices.Sort(took)
	s.t.Logf("%d orders: half within %s, 99 of 100 within %s, all within %s",
		len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

// place has orders placed, a few at a time, and returns how long each took. All
// of them must be taken. None may be told that too many wait, nor that Postgres
// cannot be reached. Only Redis may be late: it has 40 ms, and where the processors
// are what is short it may be Redis that gets none. Then the buyer insists.
func (s *shop) place(productID string, orders int) []time.Duration {
	s.t.Helper()
	const atOnce = 4
	took := make([]time.Duration, orders)
	var again atomic.Int64
	var buyers sync.WaitGroup
	for first := range atOnce {
		buyers.Go(func() {
			for i := first; i < orders && !s.t.Failed(); i += atOnce {
				begun := time.Now()
				for s.late(productID) {
					again.Add(1)
					if time.Since(begun) > patience {
						s.t.Errorf("an order was not taken within %s", patience)
						return
					}
				}
				took[i] = time.Since(begun)
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	buyers.Wait()
	s.t.Logf("%d answers of %d were 503, because Redis was late", again.Load(), again.Load()+int64(orders))
	return took
}

// late places an order and reports whether Redis answered the gate too late. It
// fails the test when something else keeps the order from being taken.
func (s *shop) late(productID string) bool {
	s.t.Helper()
	r := s.anyone().call("POST", "/orders", map[string]any{"productId": productID, "quantity": 1})
	if r.code() == order.CodeUnavailable && strings.Contains(string(r.body), "The shop is not reachable") {
		return true
	}
	if r.status != http.StatusAccepted {
		s.t.Errorf("an order was answered %d: %s", r.status, r.body)
	}
	return false
}

// reconnect keeps as many streams open as there are, and closes and opens them
// as browsers do whose network comes and goes.
func reconnect(ctx context.Context, s *shop, there func()) string {
	tokens := make([]string, crowdedStreams/100)
	for i := range tokens {
		tokens[i] = s.anyone().token
	}
	var opened, failed atomic.Int64
	var browsers sync.WaitGroup
	for range reconnecting {
		browsers.Go(func() {
			open := make([]net.Conn, crowdedStreams/reconnecting)
			for i := 0; ctx.Err() == nil; i = (i + 1) % len(open) {
				hangUp(open[i])
				var err error
				if open[i], err = openStream(ctx, s, tokens[rand.IntN(len(tokens))]); err == nil {
					if opened.Add(1) == int64(crowdedStreams) {
						there()
					}
				} else if ctx.Err() == nil {
					failed.Add(1)
				}
			}
			for _, c := range open {
				hangUp(c)
			}
		})
	}
	browsers.Wait()
	return fmt.Sprintf("%d streams were opened, %d of them at a time, and %d could not be", opened.Load(), min(opened.Load(), int64(crowdedStreams)), failed.Load())
}

// openStream opens a stream of all of a user's orders.
func openStream(ctx context.Context, s *shop, token string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", s.services[len(s.services)-1].addr)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET /orders/events HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer %s\r\n\r\n", token)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("a stream was answered %s", resp.Status)
	}
	if err != nil {
		hangUp(c)
		return nil, err
	}
	return c, nil
}

// hangUp breaks the connection: one that is closed in order keeps its port for
// a minute, and there are not enough of them.
func hangUp(c net.Conn) {
	if c == nil {
		return
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// read reads an order, the products and a list as fast as they come.
func read(ctx context.Context, s *shop, there func()) string {
	root := s.buyer("root", admin)
	var id uuid.UUID
	s.ask(`SELECT order_id FROM orders LIMIT 1`, &id)
	paths := []string{"/orders/" + id.String(), "/products", "/orders?limit=100"}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: readers}}
	defer client.CloseIdleConnections()
	var done atomic.Int64
	var crowd sync.WaitGroup
	for i := range readers {
		crowd.Go(func() {
			for ctx.Err() == nil {
				if readOnce(ctx, client, s.url+paths[i%len(paths)], root.token) && done.Add(1) > int64(readers) {
					there()
				}
			}
		})
	}
	crowd.Wait()
	return fmt.Sprintf("%d reads", done.Load())
}

// readOnce reports whether what is at url was read.
func readOnce(ctx context.Context, client *http.Client, url, token string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

// watchBoard has many look at the board, which asks the backends once a second.
func watchBoard(ctx context.Context, s *shop, there func()) string {
	root := s.buyer("root", admin)
	var received, watching atomic.Int64
	var crowd sync.WaitGroup
	for range watchers {
		crowd.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/board/events", nil)
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+root.token)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				s.t.Error(err)
				return
			}
			defer resp.Body.Close()
			if watching.Add(1) == int64(watchers) {
				there()
			}
			n, _ := io.Copy(io.Discard, resp.Body) // it ends with ctx
			received.Add(n)
		})
	}
	crowd.Wait()
	return fmt.Sprintf("%d bytes of the board", received.Load())
}

// verifyAgainAndAgain has the promises checked, one time after the other.
func verifyAgainAndAgain(ctx context.Context, s *shop, there func()) string {
	there()
	n := 0
	for ; ctx.Err() == nil; n++ {
		_, _ = s.run("--verify", "--json") // what it says of a shop in mid-sale is not the subject
	}
	return fmt.Sprintf("verified %d times", n)
}

// ownConns are the connections to Postgres that are intake's alone, and the moves'.
const ownConns = 4 + 2

// takeConnections has every other one in use for as long as the burden lasts, by
// reads that wait for a lock, and more reads in the queue for one.
func (w *watched) takeConnections(ctx context.Context, s *shop, there func()) string {
	root := s.buyer("root", admin)
	var id uuid.UUID
	s.ask(`SELECT order_id FROM orders LIMIT 1`, &id)
	db := s.database(ctx)
	defer db.Close(context.Background())
	if _, err := db.Exec(ctx, `BEGIN; LOCK TABLE order_events IN ACCESS EXCLUSIVE MODE`); err != nil {
		s.t.Error(err) // no order's way to its 202 leads through this table
		return ""
	}
	most := w.figures().most - ownConns
	client := &http.Client{Timeout: patience}
	var crowd sync.WaitGroup
	for range 3 * most {
		crowd.Go(func() {
			for ctx.Err() == nil {
				readOnce(ctx, client, s.url+"/orders/"+id.String()+"/timeline", root.token)
			}
		})
	}
	for ctx.Err() == nil {
		if w.figures().connections >= most {
			there()
		}
		time.Sleep(100 * time.Millisecond)
	}
	crowd.Wait()
	return fmt.Sprintf("%d connections were taken", most)
}
