package cache

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestAProductIsHeldBackOnceItWentUnansweredAFewTimesInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		for range failuresToOpen - 1 {
			b.failed("lamp")
		}
		if b.refuses("lamp") {
			t.Error("an answer or two may have been late")
		}
		b.answered("lamp")
		for range failuresToOpen {
			if b.refuses("lamp") {
				t.Error("an answer makes the count begin anew")
			}
			b.failed("lamp")
		}
		if !b.refuses("lamp") || b.refuses("chair") {
			t.Error("the product is asked about, or another is not")
		}
		for range 2 {
			time.Sleep(openFor)
			if b.refuses("lamp") || !b.refuses("lamp") {
				t.Error("not one request finds out whether the master is back")
			}
		}
		b.answered("lamp")
		if b.refuses("lamp") {
			t.Error("an answer is not enough")
		}
	})
}

func TestWhereAllProductsAreOnOneServerNoneIsHeldBack(t *testing.T) {
	var b *breaker
	for range 2 * failuresToOpen {
		b.failed("lamp")
	}
	if b.answered("chair"); b.refuses("lamp") {
		t.Error("held back")
	}
}

func TestMemoryOfSilentProductsIsBounded(t *testing.T) {
	b := newBreaker()
	for i := range 3 * breakerProducts {
		if b.failed(strconv.Itoa(i)); len(b.products) > breakerProducts {
			t.Fatalf("%d products", len(b.products))
		}
	}
}

// Strangers ask for products that do not exist: they must not make the gate
// forget, and wait for, the one that all want.
func TestInventedProductsDoNotPushOutASilentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		for range failuresToOpen {
			b.failed("lamp")
		}
		for _, times := range []int{1, failuresToOpen} {
			for i := range 2 * breakerProducts {
				for range times {
					b.failed(strconv.Itoa(i))
				}
			}
			if !b.refuses("lamp") {
				t.Errorf("each noted %d times: the lamp is asked about", times)
			}
		}
		time.Sleep(2 * breakerKept)
		for range failuresToOpen {
			b.failed("chair")
		}
		if !b.refuses("chair") {
			t.Error("those nobody asks for any more leave no room")
		}
	})
}
