package main

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
)

// plots are the pictures in docs/img and what they are drawn from. One whose
// results are not there yet is not drawn.
var plots = []struct {
	file string
	draw func(*results) (*plot.Plot, error)
}{
	{"requests.svg", drawRequests},
	{"pair.svg", drawPair},
	{"handover.svg", drawHandOver},
	{"crowd.svg", drawCrowd},
	{"waiting.svg", drawWaiting},
	{"heap.svg", drawHeap},
}

// publish draws the plots and fills in the documents.
func publish(root string, r *results) error {
	dir := filepath.Join(root, "docs", "img")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range plots {
		p, err := d.draw(r)
		if err != nil {
			return fmt.Errorf("%s: %w", d.file, err)
		}
		if p == nil {
			fmt.Fprintf(os.Stderr, "bench: nothing to draw %s from\n", d.file)
			continue
		}
		if err := saveSVG(p, filepath.Join(dir, d.file)); err != nil {
			return fmt.Errorf("%s: %w", d.file, err)
		}
	}
	return fillIn(root, r)
}

// Colours that are told apart on paper and by the colour-blind (Okabe and Ito).
var (
	blue   = color.RGBA{0x00, 0x72, 0xb2, 0xff} // this library, always
	sky    = color.RGBA{0x56, 0xb4, 0xe9, 0xff}
	grey   = color.RGBA{0x88, 0x88, 0x88, 0xff}
	pale   = color.RGBA{0xdd, 0xdd, 0xdd, 0xff}
	others = []color.Color{
		color.RGBA{0xd5, 0x5e, 0x00, 0xff},
		color.RGBA{0x00, 0x9e, 0x73, 0xff},
		color.RGBA{0xcc, 0x79, 0xa7, 0xff},
		color.RGBA{0xe6, 0x9f, 0x00, 0xff},
	}
)

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Size = 13
	p.Title.Padding = 8
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Size = 11
		axis.Label.Padding = 5
		axis.Tick.Label.Font.Size = 10.5
		axis.Padding = 0
	}
	p.Legend.TextStyle.Font.Size = 10.5
	p.Legend.Padding, p.Legend.ThumbnailWidth = 3, 26
	p.Title.TextStyle.Font.Variant, p.Legend.TextStyle.Font.Variant = "Sans", "Sans"
	for _, font := range []*text.Style{&p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label} {
		font.Font.Variant = "Sans"
	}
	return p
}

// label is text at a point of the plot.
func label(p *plot.Plot, at plotter.XYs, texts []string) error {
	labels, err := plotter.NewLabels(plotter.XYLabels{XYs: at, Labels: texts})
	if err != nil {
		return err
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].Font.Size = 10.5
		labels.TextStyle[i].Font.Variant = "Sans"
		labels.TextStyle[i].YAlign = text.YCenter
	}
	labels.Offset.X = 4
	p.Add(labels)
	return nil
}

// bar is one of a bar chart; the text stands at its end.
type bar struct {
	name  string
	value float64
	text  string
	color color.Color
}

// addBars draws horizontal bars, the first on top.
func addBars(p *plot.Plot, bars []bar) error {
	var at plotter.XYs
	var texts, names []string
	longest := 0.0
	for i := range bars {
		b := bars[len(bars)-1-i]
		chart, err := plotter.NewBarChart(plotter.Values{b.value}, 15)
		if err != nil {
			return err
		}
		chart.Horizontal, chart.XMin, chart.Color, chart.LineStyle.Width = true, float64(i), b.color, 0
		p.Add(chart)
		at = append(at, plotter.XY{X: b.value, Y: float64(i)})
		texts, names = append(texts, b.text), append(names, b.name)
		longest = max(longest, b.value)
	}
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.6, float64(len(bars))-0.4
	p.X.Min, p.X.Max = 0, longest*1.18
	return label(p, at, texts)
}

// colorOf gives each library its colour, the same in all plots.
func colorOf(of string) color.Color {
	switch of {
	case "":
		return blue
	case bareSDK:
		return grey
	}
	i := slices.IndexFunc(peers, func(p peer) bool { return p.of == of })
	return others[max(0, i)%len(others)]
}

// nameOf is a library's name in plots.
func nameOf(of string) string {
	if of == "" {
		return "Holdfast"
	}
	return of
}

// measured are the libraries of a figure, in the order of the results.
func measured(s *section, name string) (of []string, values []float64) {
	if s == nil {
		return nil, nil
	}
	for _, f := range s.Figures {
		if f.Name == name && f.Absent == "" {
			of, values = append(of, f.Of), append(values, f.Value)
		}
	}
	return of, values
}
