package main

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestTicksAreRoundAndOnTheAxis(t *testing.T) {
	for name, c := range map[string]struct {
		axis   axis
		values []float64
		want   []float64
	}{
		"from zero":      {axis{}, []float64{180, 430}, []float64{0, 100, 200, 300, 400}},
		"small":          {axis{}, []float64{11}, []float64{0, 2, 4, 6, 8, 10}},
		"a short log":    {axis{log: true}, []float64{9, 60}, []float64{10, 20, 50}},
		"powers of ten":  {axis{log: true}, []float64{1, 10_000}, []float64{1, 10, 100, 1000, 10_000}},
		"one value only": {axis{log: true}, []float64{10}, []float64{10}},
	} {
		if got := c.axis.fit(c.values).ticks(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestTicksAreShort(t *testing.T) {
	for want, v := range map[string]float64{"0": 0, "50": 50, "1k": 1000, "1.5k": 1500, "2M": 2e6} {
		if got := short(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

func TestChartIsXMLWithEveryPointInside(t *testing.T) {
	c := chart{title: "a < b & c", x: axis{label: "x", log: true}, y: axis{label: "y"}, goal: 20, lines: []line{
		{"service", []point{{1, 5}, {1000, 30}}}, {"naive", []point{{1, 50}, {1000, 31}}}, {"nobody", nil},
	}}
	decoder := xml.NewDecoder(strings.NewReader(c.svg()))
	circles, titles := 0, 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, c.svg())
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "circle" {
				circles++
			}
		case xml.CharData:
			if string(token) == c.title {
				titles++
			}
		}
	}
	if circles != 4 || titles != 1 {
		t.Errorf("%d points and %d titles, want 4 and 1", circles, titles)
	}
}
