package batch_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"order-service/batch"
)

// Each caller asks for one thing and gets its own answer. Who asks while a
// batch is under way shares the next one.
func Example() {
	begun, finish := make(chan bool), make(chan bool)
	commit := func(_ context.Context, amounts []int) []batch.Result[string] {
		begun <- true
		<-finish
		results := make([]batch.Result[string], len(amounts))
		for i, amount := range amounts {
			results[i].Value = fmt.Sprintf("%d in a batch of %d", amount, len(amounts))
		}
		return results
	}
	b := batch.New(batch.Config{Servers: 1, MaxBatch: 100, MaxQueue: 3, Deadline: time.Minute}, batch.Whole(commit))

	var callers sync.WaitGroup
	ask := func(amount int) {
		callers.Go(func() {
			answer, err := b.Do(context.Background(), amount)
			fmt.Println(answer, err)
		})
	}
	ask(1)
	<-begun // an idle batcher waits for nobody
	for amount := range 3 {
		ask(10 + amount)
	}
	for b.Refusal() == nil { // the queue is not full yet
		runtime.Gosched()
	}
	finish <- true
	<-begun
	finish <- true
	callers.Wait()
	_ = b.Stop(context.Background())
	// Unordered output:
	// 1 in a batch of 1 <nil>
	// 10 in a batch of 3 <nil>
	// 11 in a batch of 3 <nil>
	// 12 in a batch of 3 <nil>
}
