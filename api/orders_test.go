package api

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

func TestOrderIsShownToItsOwnerAndAdministratorsOnly(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	path := "/orders/" + o.ID.String()
	a := s.as("ann", "GET", path, "").ok(t)
	var got map[string]any
	a.decode(t, &got)
	if got["orderId"] != o.ID.String() || got["status"] != "PAYMENT_PENDING" || got["seq"] != 3.0 || got["amount"] != 3998.0 ||
		a.Header.Get("ETag") != `"3"` {
		t.Errorf("%s %v", a.body, a.Header)
	}
	for _, absent := range []string{"paymentId", "failureReason", "expiresAt", "userId"} {
		if _, there := got[absent]; there {
			t.Errorf("%s is there: %s", absent, a.body)
		}
	}
	s.as("admin", "GET", path, "").ok(t)
	s.as("admin", "GET", path+"/timeline", "").ok(t)
	s.call("GET", path, "").problem(t, 401, order.CodeUnauthenticated)
}

func TestForeignUnknownAndMalformedIDsAreNotFound(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	foreign := shop.put("ann", order.Pending).ID.String()
	for name, id := range map[string]string{
		"foreign": foreign, "unknown": uuid.NewString(), "not a UUID": "17", "urn": "urn:uuid:" + foreign,
		"no dashes": strings.ReplaceAll(foreign, "-", ""), "encoded": "%7B" + foreign + "%7D", "NUL": "%00",
	} {
		for _, request := range []struct{ method, path string }{
			{"GET", ""}, {"GET", "/timeline"}, {"GET", "/events"}, {"POST", "/cancel"},
		} {
			t.Run(name+" "+request.method+request.path, func(t *testing.T) {
				s.as("bob", request.method, "/orders/"+id+request.path, "").problem(t, 404, order.CodeOrderNotFound)
			})
		}
	}
	s.as("admin", "POST", "/orders/"+foreign+"/cancel", "").problem(t, 404, order.CodeOrderNotFound)
	s.as("admin", "GET", "/orders/"+foreign+"/events", "").problem(t, 404, order.CodeOrderNotFound)
	if calls := shop.seenCalls(); len(calls) != 0 || shop.streams() != 0 {
		t.Errorf("calls %v, %d streams", calls, shop.streams())
	}
}

// Whoever guesses ids must not learn which of them are orders.
func TestSomeoneElsesOrderLooksToTheByteLikeNone(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	foreign, unknown := shop.put("ann", order.Pending).ID.String(), uuid.NewString()
	for _, request := range []struct{ method, path string }{
		{"GET", ""}, {"GET", "?wait=1s"}, {"HEAD", ""}, {"GET", "/timeline"}, {"GET", "/events"}, {"POST", "/cancel"},
	} {
		var answers [2]answer
		for i, id := range []string{foreign, unknown} {
			answers[i] = s.as("bob", request.method, "/orders/"+id+request.path, "", "X-Request-Id", "same", "If-None-Match", `"1"`)
			answers[i].Header.Del("Date")
		}
		if a, b := answers[0], answers[1]; a.StatusCode != 404 || b.StatusCode != 404 || string(a.body) != string(b.body) || !maps.EqualFunc(a.Header, b.Header, slices.Equal) {
			t.Errorf("%s %s:\n%d %v %s\n%d %v %s", request.method, request.path, a.StatusCode, a.Header, a.body, b.StatusCode, b.Header, b.body)
		}
	}
}

func TestUnchangedOrderIsNotSentAgain(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	path := "/orders/" + shop.put("ann", order.Pending).ID.String()
	for tags, status := range map[string]int{
		`"1"`: 304, `W/"1"`: 304, `"7", "1"`: 304, `*`: 304, `"2"`: 200, `1`: 200,
	} {
		if a := s.as("ann", "GET", path, "", "If-None-Match", tags); a.StatusCode != status {
			t.Errorf("%s: %d", tags, a.StatusCode)
		}
	}
}

func TestLongPollAnswersAtTheNextChange(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.Pending)
	go func() {
		for shop.watching(o.ID) == 0 {
			time.Sleep(time.Millisecond)
		}
		shop.move(o.ID, order.InventoryReserved)
	}()
	a := s.as("ann", "GET", "/orders/"+o.ID.String()+"?wait=20s", "", "If-None-Match", `"1"`).ok(t)
	if a.Header.Get("ETag") != `"2"` || !strings.Contains(string(a.body), "INVENTORY_RESERVED") {
		t.Errorf("%s", a.body)
	}
	if shop.watching(o.ID) != 0 {
		t.Error("the watch was not ended")
	}
}

func TestLongPollAnswersAtOnceWhenThereIsNothingToWaitFor(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	open, final := "/orders/"+shop.put("ann", order.Pending).ID.String(), "/orders/"+shop.put("ann", order.Failed).ID.String()
	s.as("ann", "GET", open+"?wait=30s", "").ok(t)
	s.as("ann", "GET", open+"?wait=30s", "", "If-None-Match", `"0"`).ok(t)
	if a := s.as("ann", "GET", final+"?wait=30s", "", "If-None-Match", `"2"`); a.StatusCode != 304 {
		t.Errorf("final and known: %d", a.StatusCode)
	}
	if a := s.as("ann", "GET", open+"?wait=1ms", "", "If-None-Match", `"1"`); a.StatusCode != 304 {
		t.Errorf("no change in time: %d", a.StatusCode)
	}
	for _, wait := range []string{"", "soon", "-1s", "-1", "1e9", "1h", "1m30s", ".5s", "9999999"} {
		s.as("ann", "GET", open+"?wait="+wait, "").problem(t, 422, order.CodeValidation)
	}
}

func TestShutdownEndsLongPolls(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.Pending)
	answered := make(chan int, 1)
	go func() {
		answered <- s.as("ann", "GET", "/orders/"+o.ID.String()+"?wait=30s", "", "If-None-Match", `"1"`).StatusCode
	}()
	for shop.watching(o.ID) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status := <-answered; status != 304 {
		t.Errorf("answered %d", status)
	}
}

func TestListPagesThroughOwnOrdersNewestFirst(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	var want []string
	for range 5 {
		want = append([]string{shop.put("ann", order.Pending).ID.String()}, want...)
	}
	shop.put("bob", order.Pending)
	var got []string
	for path := "/orders?limit=2"; ; {
		var page struct {
			Orders     []struct{ OrderID string }
			NextCursor string
		}
		s.as("ann", "GET", path, "").ok(t).decode(t, &page)
		for _, o := range page.Orders {
			got = append(got, o.OrderID)
		}
		if page.NextCursor == "" {
			break
		}
		path = "/orders?limit=2&cursor=" + page.NextCursor
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
	if a := s.as("carl", "GET", "/orders", "").ok(t); string(a.body) != `{"orders":[]}` {
		t.Errorf("no orders: %s", a.body)
	}
	if a := s.as("ann", "GET", "/orders?status=CONFIRMED", "").ok(t); string(a.body) != `{"orders":[]}` {
		t.Errorf("other status: %s", a.body)
	}
	for _, query := range []string{
		"limit=0", "limit=101", "limit=x", "status=pending", "cursor=x", "limit=", "status=", "cursor=", "status",
		"cursor=urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
	} {
		s.as("ann", "GET", "/orders?"+query, "").problem(t, 422, order.CodeValidation)
	}
}

func TestTimelineBeginsWithPending(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	var got struct {
		Events []struct {
			Seq             int
			Status, Message string
			At              time.Time
		}
	}
	s.as("ann", "GET", "/orders/"+o.ID.String()+"/timeline", "").ok(t).decode(t, &got)
	if len(got.Events) != 3 || got.Events[0].Status != "PENDING" || got.Events[2].Seq != 3 || got.Events[2].Message == "" {
		t.Errorf("%+v", got)
	}
}

func TestCancelAnswersWithTheOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		before  order.Status
		becomes order.Status // when the workflow is asked
		sagaErr error
		status  int
		answer  string
		calls   int
	}{
		"cancelled":               {order.PaymentPending, order.Cancelled, nil, 200, `"status":"CANCELLED"`, 1},
		"paid meanwhile":          {order.PaymentPending, order.Confirmed, nil, 409, "not-cancellable", 1},
		"cancelled before":        {order.Cancelled, "", nil, 200, `"status":"CANCELLED"`, 0},
		"confirmed before":        {order.Confirmed, "", nil, 409, "not-cancellable", 0},
		"failed before":           {order.Failed, "", nil, 409, "not-cancellable", 0},
		"takes longer":            {order.Pending, "", nil, 200, `"status":"PENDING","cancelRequested":true`, 1},
		"workflow ended, failed":  {order.PaymentPending, order.Failed, order.Errorf(order.CodeConflict, "Ended."), 409, "not-cancellable", 1},
		"ended without outcome":   {order.Pending, "", order.Errorf(order.CodeConflict, "Ended."), 503, "unavailable", 1},
		"workflow out of reach":   {order.Pending, "", errors.New("connection refused"), 503, "unavailable", 1},
		"workflow engine is down": {order.Pending, "", order.Errorf(order.CodeUnavailable, "Down."), 503, "unavailable", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShop()
			shop.sagaErr = c.sagaErr
			shop.onSaga = func(_ string, o order.Order) {
				if c.becomes != "" {
					shop.move(o.ID, c.becomes)
				}
			}
			s := serve(t, shop)
			o := shop.put("ann", c.before)
			a := s.as("ann", "POST", "/orders/"+o.ID.String()+"/cancel", "")
			if a.StatusCode != c.status || !strings.Contains(string(a.body), c.answer) {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			if calls := shop.seenCalls(); len(calls) != c.calls {
				t.Errorf("calls %v", calls)
			}
		})
	}
}

// An order that stays open costs its cancellations two seconds each, and Temporal
// two requests: however many ask, one asks for all.
func TestOfManyCancellationsOfAnOrderOneAsksTheSaga(t *testing.T) {
	const many = 50
	for name, c := range map[string]struct {
		sagaErr error
		status  int
		answer  string
	}{
		"takes longer":          {nil, 200, `"status":"PENDING","cancelRequested":true`},
		"ended without outcome": {order.Errorf(order.CodeConflict, "Ended."), 503, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShop()
			shop.sagaErr = c.sagaErr
			s := serve(t, shop)
			path := "/orders/" + shop.put("ann", order.Pending).ID.String() + "/cancel"
			begun := time.Now()
			var asking sync.WaitGroup
			for range many {
				asking.Go(func() {
					if a := s.as("ann", "POST", path, ""); a.StatusCode != c.status || !strings.Contains(string(a.body), c.answer) {
						t.Errorf("%d %s", a.StatusCode, a.body)
					}
				})
			}
			asking.Wait()
			most := 1 + int(time.Since(begun)/cancelWait) // who comes after the outcome asks anew
			if calls := shop.seenCalls(); len(calls) > most {
				t.Errorf("the saga was asked %d times, want %d at most", len(calls), most)
			}
		})
	}
}

func TestACancellationIsNotTakenForThatOfAnotherOrder(t *testing.T) {
	shop := newShop()
	open := shop.put("ann", order.Pending)
	shop.onSaga = func(_ string, o order.Order) {
		if o.ID != open.ID {
			shop.move(o.ID, order.Cancelled)
		}
	}
	s := serve(t, shop)
	var slow sync.WaitGroup
	slow.Go(func() { s.as("ann", "POST", "/orders/"+open.ID.String()+"/cancel", "").ok(t) })
	for shop.watching(open.ID) == 0 {
		time.Sleep(time.Millisecond)
	}
	other := shop.put("ann", order.PaymentPending)
	if a := s.as("ann", "POST", "/orders/"+other.ID.String()+"/cancel", "").ok(t); !strings.Contains(string(a.body), `"CANCELLED"`) {
		t.Errorf("%s", a.body)
	}
	slow.Wait()
}
