package measure

// Turns is the order of n contenders in a round, as a Williams design has it:
// over n rounds each one follows every other just as often, so that nobody
// always finds what the same one has left behind. With an odd n that takes 2n
// rounds, the second half mirrored.
func Turns(n, round int) []int {
	order := make([]int, n)
	for i := range order {
		step := (i + 1) / 2 // 0, 1, -1, 2, -2, …
		if i%2 == 0 {
			step = n - step
		}
		place := i
		if n%2 == 1 && round/n%2 == 1 {
			place = n - 1 - i
		}
		order[place] = (step + round) % n
	}
	return order
}
