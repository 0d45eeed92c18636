package measure

import (
	"slices"
	"testing"
)

func TestEachFollowsEveryOtherAsOften(t *testing.T) {
	for n := 2; n <= 9; n++ {
		rounds := n * (1 + n%2)
		follows := map[[2]int]int{}
		for round := range rounds {
			order := Turns(n, round)
			for i := 1; i < n; i++ {
				follows[[2]int{order[i-1], order[i]}]++
			}
			slices.Sort(order)
			if unique := slices.Compact(order); len(unique) != n {
				t.Fatalf("%d of %d have a turn in round %d", len(unique), n, round)
			}
		}
		for pair, times := range follows {
			if times != rounds/n {
				t.Errorf("of %d, %d follows %d %d times, want %d", n, pair[1], pair[0], times, rounds/n)
			}
		}
		if len(follows) != n*(n-1) {
			t.Errorf("of %d, %d pairs follow each other, want %d", n, len(follows), n*(n-1))
		}
	}
}

func TestOneContenderHasEveryTurn(t *testing.T) {
	if got := Turns(1, 3); !slices.Equal(got, []int{0}) {
		t.Errorf("%v", got)
	}
}
