package cache

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

// silentMaster is an attempt that one product's Redis never answers. The others'
// drops are told.
func silentMaster(of string, done func(productID string)) func(context.Context, drop) error {
	return func(ctx context.Context, d drop) error {
		if d.productID != of {
			done(d.productID)
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, dropTry)
		defer cancel()
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestADropDoesNotWaitForThoseOfAProductWhoseMasterIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dropped := 0
		d := newDropper(silentMaster("lamp", func(string) { dropped++ }), zerolog.Nop())
		defer d.close()
		for range 3 {
			d.add("lamp", uuid.New(), 0)
		}
		synctest.Wait()
		d.add("chair", uuid.New(), 0)
		if synctest.Wait(); dropped != 1 { // without a moment of the clock
			t.Error("the chair waits for the lamp's master")
		}
	})
}

func TestDropsOfAProductAreTriedOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trying, tries, most int
		d := newDropper(func(context.Context, drop) error {
			trying++
			most = max(most, trying)
			time.Sleep(time.Millisecond) // others would begin meanwhile
			trying--
			if tries++; tries < 3 {
				return errors.New("away")
			}
			return nil
		}, zerolog.Nop())
		for range 3 {
			d.add("lamp", uuid.New(), 0)
		}
		d.workers.Wait()
		if most != 1 || tries != 5 || len(d.waiting) != 0 {
			t.Errorf("%d at a time, %d tries, %d products are remembered", most, tries, len(d.waiting))
		}
		d.close()
	})
}

// Many products' masters are away: few drops are tried at once, and one of a live
// product has its turn all the same.
func TestDropsOfManyProductsShareFewWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trying, most, done atomic.Int32
		d := newDropper(func(ctx context.Context, d drop) error {
			most.Store(max(most.Load(), trying.Add(1)))
			defer trying.Add(-1)
			if d.productID == "chair" {
				done.Add(1)
				return nil
			}
			time.Sleep(dropTry)
			return errors.New("away")
		}, zerolog.Nop())
		defer d.close()
		for i := range 3 * maxDroppers {
			d.add(strconv.Itoa(i), uuid.New(), 0)
		}
		d.add("chair", uuid.New(), 0)
		synctest.Wait()
		if n := most.Load(); n != maxDroppers {
			t.Errorf("%d are tried at once", n)
		}
		time.Sleep(4 * (dropTry + dropAgain))
		if done.Load() != 1 || most.Load() > maxDroppers {
			t.Errorf("%d of the live product were dropped, %d at most were tried at once", done.Load(), most.Load())
		}
	})
}

func TestDropsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDropper(silentMaster("lamp", nil), zerolog.Nop())
		d.add("lamp", uuid.New(), 0)
		synctest.Wait() // it is in hand
		for range maxDrops - 1 {
			if !d.add("lamp", uuid.New(), 0) {
				t.Fatal("there is no room")
			}
		}
		if d.add("chair", uuid.New(), 0) {
			t.Error("the queue has no bound")
		}
		d.close()
		if d.add("lamp", uuid.New(), 0) {
			t.Error("a drop is taken that nobody will try")
		}
	})
}
