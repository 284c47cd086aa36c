package main

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"regexp"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of all plots, and what stays white around them.
const (
	width  = 22 * vg.Centimeter
	height = 9.5 * vg.Centimeter
	margin = 10
)

// saveSVG writes a plot so that it looks the same with other fonts.
func saveSVG(p *plot.Plot, path string) error {
	canvas := vgsvg.New(width, height)
	area := draw.New(canvas)
	area.SetColor(p.BackgroundColor)
	area.Fill(area.Rectangle.Path())
	p.Draw(draw.Crop(area, margin, -2*margin, margin, -margin))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return err
	}
	return os.WriteFile(path, fitTexts(b.Bytes()), 0o644)
}

// svgText is a text as vgsvg writes it.
var svgText = regexp.MustCompile(`(?s)<text ([^>]*)font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;font-size:([0-9.]+)px([^>]*)>([^<]*)</text>`)

// fitTexts names fonts of the same measures where Liberation Sans is missing, and
// says how wide each text is, so that no other font runs over its place.
func fitTexts(svg []byte) []byte {
	return svgText.ReplaceAllFunc(svg, func(match []byte) []byte {
		m := svgText.FindSubmatch(match)
		size, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return match
		}
		face := font.DefaultCache.Lookup(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Length(size))
		w := face.Width(html.UnescapeString(string(m[4]))).Points()
		return fmt.Appendf(nil, `<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" %sfont-family:Liberation Sans,Arial,Helvetica,sans-serif;font-size:%spx%s>%s</text>`, w, m[1], m[2], m[3], m[4])
	})
}
