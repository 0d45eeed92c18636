package saga

import (
	"math"
	"runtime"
	"runtime/debug"

	"go.temporal.io/sdk/worker"
)

// WorkerConfig is how much a worker does at a time. What is 0 is chosen by the
// memory and the cores of the process.
type WorkerConfig struct {
	Pollers int // requests for tasks that wait at Temporal at most, of each kind
	Tasks   int // workflow tasks at a time, and as many local activities
	Calls   int // regular activities at a time, which are calls to the provider
	Cached  int // workflows that are kept in memory between their tasks
}

const (
	// mostPollers are needed where Temporal is far: a poller hands on a task and
	// asks for the next, so each is good for one task a round trip. A sale begins
	// within a second, so fewPollers are there before it does, and for servers
	// that do not say how many they want.
	mostPollers = 64
	fewPollers  = 8
	leastTasks  = 256
	tasksByCore = 512 // they wait for Postgres and Kafka most of the time
	// taskBytes are two stacks, one of them large (growStack), and a workflow that
	// cannot leave the cache. While Postgres is away all tasks wait for it.
	taskBytes = 256 << 10
	taskShare = 4 // they may take this part of the memory
	// leastCached and mostCached bound what memory suggests. An order that falls
	// out is replayed from its dozen events when its payment comes.
	leastCached = 500
	mostCached  = 20_000
	cachedBytes = 50 << 10 // of a workflow, at most
	cachedShare = 8        // the cache may take this part of the memory
)

// complete chooses what is not set.
func (c WorkerConfig) complete() WorkerConfig {
	choose := func(value *int, otherwise int) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	choose(&c.Pollers, mostPollers)
	limit := debug.SetMemoryLimit(-1)
	choose(&c.Tasks, tasksFor(limit, runtime.GOMAXPROCS(0)))
	choose(&c.Calls, leastTasks)
	choose(&c.Cached, cacheFor(limit))
	return c
}

// tasksFor is how many tasks to work on at a time with so many cores, where the
// process may use limit bytes.
func tasksFor(limit int64, cores int) int {
	return int(min(max(limit/taskShare/taskBytes, leastTasks), int64(tasksByCore*cores)))
}

// cacheFor is how many workflows to keep where the process may use limit bytes;
// math.MaxInt64 says that nobody knows.
func cacheFor(limit int64) int {
	if limit == math.MaxInt64 {
		return leastCached
	}
	return int(min(max(limit/cachedShare/cachedBytes, leastCached), mostCached))
}

// pollers has the server say how many of them are worth their while: it knows
// its backlog.
func pollers(most int) worker.PollerBehavior {
	few := min(fewPollers, most)
	return worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{
		InitialNumberOfPollers: few, MinimumNumberOfPollers: few, MaximumNumberOfPollers: most,
	})
}
