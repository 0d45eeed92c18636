package measure

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Fixed writes v with so many digits behind the point, "–" where there is none.
func Fixed(digits int, v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, v)
}

// Whole writes a number with commas between thousands.
func Whole(v float64) string {
	text := Fixed(0, v)
	for i := len(text) - 3; i > 0 && text[0] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Table is Markdown's, aligned for those who read it as text. Its first row is
// the header.
type Table [][]string

// Print writes it with an empty line behind it.
func (t Table) Print(out io.Writer) {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", max(width-1, 1)) + ":"
	}
	rule[0] = strings.Repeat("-", max(widths[0], 1))
	for _, row := range slices.Insert(slices.Clone(t), 1, rule) {
		for i, cell := range row {
			pad := strings.Repeat(" ", max(widths[i]-len([]rune(cell)), 0))
			if i == 0 {
				fmt.Fprint(out, "| ", cell, pad)
			} else {
				fmt.Fprint(out, " | ", pad, cell)
			}
		}
		fmt.Fprintln(out, " |")
	}
	fmt.Fprintln(out)
}
