package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDraw draws all plots from made-up results into SVG that can be read, and
// says how wide its texts are.
func TestDraw(t *testing.T) {
	r := &results{Sections: make(map[string]*section)}
	for _, s := range scenarios {
		r.Sections[s.name] = &section{}
	}
	own := r.Sections
	for i, of := range []string{"", bareSDK, peers[0].of, peers[3].of} {
		for _, name := range []string{requestsToAcquire, pairNetwork, pairCPU, oneProcess + ": grants a second"} {
			own["peers"].add(figure{Of: of, Name: name, Value: float64(i + 1)})
		}
		own["peers"].keep(handOverSeries+of, curve{X: []float64{float64(i), 100}})
	}
	own["crowd"].add(figure{Name: oneProcess + ": grants a second", Value: 700})
	own["handover"].keep("inside, ms", curve{X: []float64{0, 0.2, 1}})
	own["handover"].keep("between, ms", curve{X: []float64{10, 200}})
	own["handover"].keep("read units a second of a wait", curve{X: []float64{2, 1}})
	own["waiters"].keep("reads a second", curve{X: []float64{5, 5, 1}})
	own["leases"].keep("heap of a lease, bytes", curve{X: []float64{10, 20}, Y: []float64{700, 500}})
	for _, d := range plots {
		p, err := d.draw(r)
		if err != nil || p == nil {
			t.Errorf("%s: %v, %v; want a plot", d.file, p, err)
			continue
		}
		path := filepath.Join(t.TempDir(), d.file)
		if err := saveSVG(p, path); err != nil {
			t.Fatal(err)
		}
		svg, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(strings.NewReader(string(svg)))
		for err == nil {
			_, err = decoder.Token()
		}
		if err != io.EOF {
			t.Errorf("%s: %v", d.file, err)
		}
		texts, fitted := strings.Count(string(svg), "<text "), strings.Count(string(svg), "<text textLength=")
		if texts == 0 || texts != fitted {
			t.Errorf("%s: %d of %d texts have a width", d.file, fitted, texts)
		}
	}
	empty := &results{Sections: make(map[string]*section)}
	for _, d := range plots {
		if p, err := d.draw(empty); p != nil || err != nil {
			t.Errorf("%s without results: %v, %v; want nothing", d.file, p, err)
		}
	}
}
