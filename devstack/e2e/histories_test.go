package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"order-service/order"
)

const (
	historiesAtOnce = 12
	historiesBatch  = 25
	shortWindow     = 3 * time.Second // to pay, in the shop for the impatient
)

// Buyers, webhooks and the clock do what they like, as drawn from SEED for
// each of HISTORIES orders: the plan is drawn, played against a running shop,
// and its end judged by a model. Shops are verified after each batch. A
// history's plan depends on the seed and its number alone, so that one can be
// played again: SEED=… go test -run TestRandomHistories…/history-17$
func TestRandomHistoriesEndAsTheyMust(t *testing.T) {
	t.Parallel()
	seed, n := number(t, "SEED", rand.Uint64()>>1), int(number(t, "HISTORIES", 200))
	t.Logf("SEED=%d HISTORIES=%d", seed, n)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to see the same histories: SEED=%d HISTORIES=%d", seed, n)
		}
	})
	shops := map[pace]*shop{hasty: newShop(t, "PAYMENT_TIMEOUT", shortWindow.String()), patient: newShop(t)}
	for _, s := range shops {
		s.start("all")
	}
	ends := map[string]int{}
	for first := 0; first < n && !t.Failed(); first += historiesBatch {
		playBatch(t, shops, seed, first, min(first+historiesBatch, n), ends)
	}
	for first := n; first < 2*n && len(unreached(ends)) > 0 && !t.Failed(); first += historiesBatch { // of two hundred now and then none meets a limit
		playBatch(t, shops, seed, first, first+historiesBatch, ends)
	}
	t.Logf("the ends: %v", ends)
	if dull := unreached(ends); len(dull) > 0 && !t.Failed() {
		t.Errorf("no history ended with %q: %v", dull, ends)
	}
}

// playBatch plays the histories from first to end, and counts how they end.
func playBatch(t *testing.T, shops map[pace]*shop, seed uint64, first, end int, ends map[string]int) {
	t.Helper()
	shelf := stockUp(shops)
	played := playAll(t, shops, shelf, seed, first, end)
	judgeBatch(t, shops, shelf, played)
	for _, h := range played {
		ends[h.end()]++
	}
}

// unreached are the ends that no history has come to: where there are any after
// hundreds, the plans have become dull.
func unreached(ends map[string]int) (dull []string) {
	all := 0
	for _, count := range ends {
		all += count
	}
	if all < 200 {
		return nil // HISTORIES or -run chose a few
	}
	for _, end := range []string{
		string(order.Confirmed), string(order.Cancelled), string(order.PaymentDeclined), string(order.PaymentTimeout),
		string(order.CodeSoldOut), string(order.CodePurchaseLimit), givenAway,
	} {
		if ends[end] == 0 {
			dull = append(dull, end)
		}
	}
	return dull
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// playAll plays the histories from first to end, some at a time, and returns
// those that -run did not leave out.
func playAll(t *testing.T, shops map[pace]*shop, shelf shelf, seed uint64, first, end int) []*history {
	t.Helper()
	queue := make(chan int)
	var mu sync.Mutex
	var played []*history
	var players sync.WaitGroup
	for range historiesAtOnce {
		players.Go(func() {
			for n := range queue {
				t.Run(fmt.Sprintf("history-%d", n), func(t *testing.T) {
					h := newHistory(t, drawPlan(seed, n), shops, shelf)
					h.play()
					h.judge()
					mu.Lock()
					defer mu.Unlock()
					played = append(played, h)
				})
			}
		})
	}
	for n := first; n < end; n++ {
		queue <- n
	}
	close(queue)
	players.Wait()
	return played
}

// A plan is everything that will happen to one order.
type plan struct {
	n         int
	pace      pace
	goods     goods
	quantity  int
	fan       int    // of limited goods, which a few buyers share
	key       string // "": none
	copies    int    // of the request, at once; with a key only
	watched   bool
	reconnect bool    // in the middle of watching
	early     scene   // begins at once, when nobody was asked to pay yet
	scenes    []scene // one after the other, once the buyer was asked
	late      scene   // once the order is final
}

// scene is what happens together.
type scene []act

// act is something done by buyer or payment provider.
type act struct {
	deed    deed
	payment payment // whose it is, for webhooks
	times   int     // in parallel
	pause   time.Duration
}

type (
	pace    string
	goods   string
	deed    string
	payment string
)

const (
	hasty   pace = "hasty" // the window ends before long
	patient pace = "patient"

	plenty  goods = "plenty"
	scarce  goods = "scarce"
	limited goods = "limited"
	free    goods = "free"

	pays      deed = "pay"
	paysWrong deed = "pays a wrong amount"
	declines  deed = "decline"
	cancels   deed = "cancel"
	looks     deed = "look"

	asked  payment = "asked" // the provider's own id; nobody knows it early
	early  payment = "early"
	second payment = "second"
	wrong  payment = "wrong"
	older  payment = "older" // of an attempt before the one that is asked
)

// drawPlan draws plan n of a seed.
func drawPlan(seed uint64, n int) plan {
	d := rand.New(rand.NewPCG(seed, uint64(n)))
	p := plan{
		n: n, pace: pick(d, hasty, patient), goods: pick(d, plenty, plenty, plenty, scarce, limited, free),
		quantity: 1 + d.IntN(2), fan: d.IntN(2), copies: 1, watched: one(d, 2), reconnect: one(d, 2),
	}
	if !one(d, 3) {
		p.key, p.copies = fmt.Sprintf("key-%d", n), pick(d, 1, 1, 2, 4)
	}
	if one(d, 4) {
		p.early = drawScene(d, patient, early, second)
	}
	for range d.IntN(4) {
		p.scenes = append(p.scenes, drawScene(d, p.pace, asked, asked, asked, early, second))
	}
	if p.pace == patient { // or the order would wait for a quarter of an hour
		p.scenes = append(p.scenes, scene{pick(d,
			act{deed: cancels, times: 1}, act{deed: declines, payment: asked, times: 1}, act{deed: pays, payment: second, times: 1})})
	}
	p.late = drawScene(d, patient, asked, early, second)
	return p
}

// drawScene draws up to three acts with payments among those that may be known.
func drawScene(d *rand.Rand, at pace, known ...payment) (s scene) {
	switch d.IntN(10) { // the classics
	case 0, 1:
		return scene{{deed: cancels, times: 1}, {deed: pays, payment: known[0], times: 1}}
	case 2:
		then := act{deed: pick(d, pays, declines), payment: known[0], times: 1, pause: time.Duration(d.IntN(40)) * time.Millisecond}
		return scene{{deed: paysWrong, payment: known[0], times: 1}, then}
	case 3:
		return scene{{deed: declines, payment: older, times: 1}, {deed: pays, payment: known[0], times: 1}}
	}
	for range 1 + d.IntN(3) {
		a := act{deed: pick(d, pays, pays, pays, paysWrong, declines, cancels, cancels, looks), times: 1}
		switch a.deed {
		case pays:
			a.payment, a.times = pick(d, known...), pick(d, 1, 1, 1, 2, 10)
		case paysWrong:
			a.payment, a.times = pick(d, wrong, known[0]), pick(d, 1, 3)
		case declines:
			a.payment, a.times = pick(d, older, known[0]), pick(d, 1, 2)
		case cancels:
			a.times = pick(d, 1, 1, 2)
		}
		if one(d, 2) {
			a.pause = time.Duration(d.IntN(40)) * time.Millisecond
		}
		if at == hasty && one(d, 6) { // about when the window ends
			a.pause = shortWindow + time.Duration(d.IntN(600)-400)*time.Millisecond
		}
		s = append(s, a)
	}
	return s
}

func one(d *rand.Rand, in int) bool { return d.IntN(in) == 0 }

func pick[T any](d *rand.Rand, among ...T) T { return among[d.IntN(len(among))] }
