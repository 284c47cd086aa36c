package main

import (
	"image/color"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// addLine draws a line and names it in the legend.
func addLine(p *plot.Plot, name string, points plotter.XYs, c color.Color, dashed bool) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, 2
	if dashed {
		line.Dashes = []vg.Length{6, 4}
	}
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}

func addGrid(p *plot.Plot) {
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = pale, pale
	p.Add(grid)
}

// distribution is the share of values up to each of them.
func distribution(values []float64, least float64) plotter.XYs {
	sorted := slices.Sorted(slices.Values(values))
	points := make(plotter.XYs, 0, 2*len(sorted))
	for i, v := range sorted {
		x := math.Max(v, least)
		points = append(points,
			plotter.XY{X: x, Y: 100 * float64(i) / float64(len(sorted))},
			plotter.XY{X: x, Y: 100 * float64(i+1) / float64(len(sorted))})
	}
	return points
}

const handOverSeries = "hand-over, ms: "

func drawHandOver(r *results) (*plot.Plot, error) {
	own := r.Sections["handover"]
	if own == nil {
		return nil, nil
	}
	const least = 0.01 // ms: what is faster is drawn here
	p := newPlot("From a release to the next holder's grant, default settings", "milliseconds, logarithmic", "% of hand-overs up to this")
	addGrid(p)
	if err := addLine(p, "Holdfast, inside a process", distribution(own.Series["inside, ms"].X, least), sky, false); err != nil {
		return nil, err
	}
	if err := addLine(p, "Holdfast, between processes", distribution(own.Series["between, ms"].X, least), blue, false); err != nil {
		return nil, err
	}
	if all := r.Sections["peers"]; all != nil {
		for _, name := range slices.Sorted(maps.Keys(all.Series)) {
			of, ok := strings.CutPrefix(name, handOverSeries)
			if !ok || of == "" {
				continue
			}
			if err := addLine(p, of, distribution(all.Series[name].X, least), colorOf(of), true); err != nil {
				return nil, err
			}
		}
	}
	p.X.Scale, p.X.Min, p.X.Max = plot.LogScale{}, least, 10000
	p.X.Tick.Marker = plot.ConstantTicks{
		{Value: 0.01, Label: "0.01"},
		{Value: 0.1, Label: "0.1"},
		{Value: 1, Label: "1"},
		{Value: 10, Label: "10"},
		{Value: 100, Label: "100"},
		{Value: 1000, Label: "1 000"},
		{Value: 10000, Label: "10 000"},
	}
	p.Y.Min, p.Y.Max = 0, 100
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = 8, -6
	return p, nil
}

// steps draws a value for each second.
func steps(values []float64) plotter.XYs {
	points := make(plotter.XYs, 0, 2*len(values))
	for i, v := range values {
		points = append(points, plotter.XY{X: float64(i), Y: v}, plotter.XY{X: float64(i + 1), Y: v})
	}
	return points
}

func drawWaiting(r *results) (*plot.Plot, error) {
	crowd, one := r.Sections["waiters"], r.Sections["handover"]
	if crowd == nil || one == nil {
		return nil, nil
	}
	p := newPlot("What waiting costs, by how long the name has been held", "seconds since the wait began", "each second")
	addGrid(p)
	n, _ := crowd.find("", "waiters")
	if err := addLine(p, "reads, "+number(n)+" waiters in one process", steps(crowd.Series["reads a second"].X), blue, false); err != nil {
		return nil, err
	}
	if err := addLine(p, "read units, one waiter (mean of several names)", steps(one.Series["read units a second of a wait"].X), others[0], false); err != nil {
		return nil, err
	}
	p.Y.Min, p.Y.Max = 0, math.Max(p.Y.Max*1.25, 8)
	p.X.Min = 0
	p.Legend.Top = true
	p.Legend.XOffs, p.Legend.YOffs = -8, -6
	return p, nil
}

func drawHeap(r *results) (*plot.Plot, error) {
	s := r.Sections["leases"]
	if s == nil {
		return nil, nil
	}
	c := s.Series["heap of a lease, bytes"]
	points := make(plotter.XYs, len(c.X))
	for i := range c.X {
		points[i] = plotter.XY{X: c.X[i], Y: c.Y[i]}
	}
	p := newPlot("Heap in use for a held idle lease", "leases held", "bytes a lease")
	addGrid(p)
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return nil, err
	}
	line.Color, line.Width = blue, 2
	dots.Color, dots.Radius = blue, 3.5
	p.Add(line, dots)
	p.Legend.Add("measured", line)
	p.X.Min, p.X.Max = 0, 1.05*slices.Max(c.X)
	if err := addLine(p, "target: at most "+number(heapTarget), plotter.XYs{{X: 0, Y: heapTarget}, {X: p.X.Max, Y: heapTarget}}, others[0], true); err != nil {
		return nil, err
	}
	p.Y.Min, p.Y.Max = 0, 1.25*math.Max(heapTarget, slices.Max(c.Y))
	p.Legend.Top = true
	p.Legend.XOffs, p.Legend.YOffs = -8, -6
	return p, nil
}
