package main

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// chart is a picture of lines.
type chart struct {
	title string
	x, y  axis
	lines []line
	goal  float64 // on the y axis; 0 has none
}

type line struct {
	name   string
	points []point
}

type point struct{ x, y float64 }

// add appends p to the line of that name.
func (c *chart) add(name string, p point) {
	i := slices.IndexFunc(c.lines, func(l line) bool { return l.name == name })
	if i < 0 {
		i, c.lines = len(c.lines), append(c.lines, line{name: name})
	}
	c.lines[i].points = append(c.lines[i].points, p)
}

// The picture's measures, in pixels. The right margin is for the lines' names.
const (
	width, height               = 760, 400
	left, right, above, beneath = 66, 90, 46, 56
	nameHeight                  = 17
)

// Colours that stand out from white and from black.
const ink, grid = "#7d8590", "#7d859040"

// palette is only read.
var palette = []string{"#2f81f7", "#e5703a", "#3fa45b", "#a371f7"}

// svg draws the chart.
func (c chart) svg() string {
	var xs, ys []float64
	for _, l := range c.lines {
		for _, p := range l.points {
			xs, ys = append(xs, p.x), append(ys, p.y)
		}
	}
	if c.goal > 0 {
		ys = append(ys, c.goal)
	}
	c.x, c.y = c.x.fit(xs), c.y.fit(ys)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s" font-family="system-ui, sans-serif" font-size="13" fill="%s">`+"\n",
		width, height, width, height, html.EscapeString(c.title), ink)
	text(&b, left, 24, "start", `font-size="16" font-weight="600"`, c.title)
	c.grid(&b)
	c.drawGoal(&b)
	for i, l := range c.lines {
		c.draw(&b, l, palette[i%len(palette)])
	}
	c.names(&b)
	b.WriteString("</svg>\n")
	return b.String()
}

// place is where a point stands in the picture.
func (c chart) place(p point) (x, y float64) {
	return left + c.x.at(p.x)*(width-left-right), height - beneath - c.y.at(p.y)*(height-above-beneath)
}

func (c chart) grid(b *strings.Builder) {
	for _, tick := range c.y.ticks() {
		_, y := c.place(point{c.x.from, tick})
		rule(b, left, y, width-right, y, `stroke="`+grid+`"`)
		text(b, left-8, y+4, "end", "", short(tick))
	}
	for _, tick := range c.x.ticks() {
		x, _ := c.place(point{tick, c.y.from})
		rule(b, x, height-beneath, x, height-beneath+5, `stroke="`+ink+`"`)
		text(b, x, height-beneath+20, "middle", "", short(tick))
	}
	rule(b, left, height-beneath, width-right, height-beneath, `stroke="`+ink+`"`)
	text(b, (left+width-right)/2, height-12, "middle", "", c.x.label)
	text(b, 0, 0, "middle", fmt.Sprintf(`transform="translate(18 %d) rotate(-90)"`, (above+height-beneath)/2), c.y.label)
}

func (c chart) drawGoal(b *strings.Builder) {
	if c.goal > 0 {
		_, y := c.place(point{c.x.from, c.goal})
		rule(b, left, y, width-right, y, `stroke="`+ink+`" stroke-dasharray="5 4"`)
		text(b, width-right+9, y+4, "start", "", "goal")
	}
}

func (c chart) draw(b *strings.Builder, l line, colour string) {
	var path, dots strings.Builder
	for i, p := range l.points {
		x, y := c.place(p)
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x, y)
		fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="3.5"/>`, x, y)
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2.5" stroke-linejoin="round"/><g fill="%s">%s</g>`+"\n", &path, colour, colour, &dots)
}

// names writes each line's name at its end, one below the other where they
// would cover each other.
func (c chart) names(b *strings.Builder) {
	type name struct {
		x, y         float64
		text, colour string
	}
	var all []name
	for i, l := range c.lines {
		if len(l.points) > 0 {
			x, y := c.place(l.points[len(l.points)-1])
			all = append(all, name{x, y, l.name, palette[i%len(palette)]})
		}
	}
	slices.SortFunc(all, func(a, b name) int { return cmp.Compare(a.y, b.y) })
	for i, n := range all {
		if i > 0 {
			n.y = max(n.y, all[i-1].y+nameHeight)
			all[i] = n
		}
		text(b, n.x+9, n.y+4, "start", `font-weight="600" style="fill:`+n.colour+`"`, n.text)
	}
}

func rule(b *strings.Builder, x1, y1, x2, y2 float64, style string) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`+"\n", x1, y1, x2, y2, style)
}

func text(b *strings.Builder, x, y float64, anchor, style, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>`+"\n", x, y, anchor, style, html.EscapeString(s))
}
