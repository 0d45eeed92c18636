package main

// ratios divides the rates of a by those of b, round by round: what the machine
// did in a round befell both.
func ratios(all []slice, a, b string) (list []float64) {
	for _, over := range all {
		for _, under := range all {
			if over.Contender == a && under.Contender == b && over.Round == under.Round && under.Done > 0 {
				list = append(list, over.rate()/under.rate())
			}
		}
	}
	return list
}

// of returns the slices of one contender.
func of(all []slice, name string) (list []slice) {
	for _, s := range all {
		if s.Contender == name {
			list = append(list, s)
		}
	}
	return list
}

// each reads a figure of every slice.
func each(list []slice, figure func(slice) float64) []float64 {
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = figure(s)
	}
	return values
}

// sum adds up the meters of slices, and the answers that count.
func sum(list []slice) (total reading, done float64) {
	total = reading{}
	for _, s := range list {
		total = s.Meters.plus(total)
		done += float64(s.Done)
	}
	return total, done
}
