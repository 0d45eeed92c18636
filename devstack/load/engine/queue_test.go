package engine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestQueueIsASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue[int]
		var model []int
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				n := rapid.IntRange(0, 9).Draw(t, "n")
				q.push(n)
				model = append(model, n)
			},
			"pop": func(t *rapid.T) {
				got, some := q.pop()
				if some != (len(model) > 0) || some && got != model[0] {
					t.Fatalf("popped %d, %v; want the first of %v", got, some, model)
				}
				model = model[min(1, len(model)):]
			},
			"remove": func(t *rapid.T) {
				n := rapid.IntRange(0, 9).Draw(t, "n")
				q.remove(func(other int) bool { return other == n })
				model = slices.DeleteFunc(model, func(other int) bool { return other == n })
			},
			"": func(t *rapid.T) {
				if q.len() != len(model) {
					t.Fatalf("%d items, want %v", q.len(), model)
				}
			},
		})
	})
}
