package cache

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestAProductIsHeldBackOnceItWentUnansweredAFewTimesInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSilent()
		for range silentAfter - 1 {
			s.note("lamp")
		}
		if s.refuses("lamp") {
			t.Error("an answer or two may have been late")
		}
		s.forget("lamp")
		for range silentAfter {
			if s.refuses("lamp") {
				t.Error("an answer makes the count begin anew")
			}
			s.note("lamp")
		}
		if !s.refuses("lamp") || s.refuses("chair") {
			t.Error("the product is asked about, or another is not")
		}
		for range 2 {
			time.Sleep(silentFor)
			if s.refuses("lamp") || !s.refuses("lamp") {
				t.Error("not one request finds out whether the master is back")
			}
		}
		s.forget("lamp")
		if s.refuses("lamp") {
			t.Error("an answer is not enough")
		}
	})
}

func TestWhereAllProductsAreOnOneServerNoneIsHeldBack(t *testing.T) {
	var s *silent
	for range 2 * silentAfter {
		s.note("lamp")
	}
	if s.forget("chair"); s.refuses("lamp") {
		t.Error("held back")
	}
}

func TestMemoryOfSilentProductsIsBounded(t *testing.T) {
	s := newSilent()
	for i := range 3 * silentProducts {
		if s.note(strconv.Itoa(i)); len(s.products) > silentProducts {
			t.Fatalf("%d products", len(s.products))
		}
	}
}

// Strangers ask for products that do not exist: they must not make the gate
// forget, and wait for, the one that all want.
func TestInventedProductsDoNotPushOutASilentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSilent()
		for range silentAfter {
			s.note("lamp")
		}
		for _, times := range []int{1, silentAfter} {
			for i := range 2 * silentProducts {
				for range times {
					s.note(strconv.Itoa(i))
				}
			}
			if !s.refuses("lamp") {
				t.Errorf("each noted %d times: the lamp is asked about", times)
			}
		}
		time.Sleep(2 * silentKept)
		for range silentAfter {
			s.note("chair")
		}
		if !s.refuses("chair") {
			t.Error("those nobody asks for any more leave no room")
		}
	})
}
