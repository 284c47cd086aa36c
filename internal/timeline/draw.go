package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sizes, in pixels.
const (
	gutter    = 190 // for the names of processes
	plotWidth = 860 // at least
	rightEdge = 150 // for a token behind the last bar
	widest    = 16_000
	rowHeight = 24
	topSpace  = 30 // for the axis
	margin    = 16
	hues      = 8 // as many as the style sheet has
)

// drawing is the picture of one lock.
type drawing struct {
	page  *page
	h     *history
	start time.Time
	span  time.Duration
	width float64 // of the plot

	rows  map[any]int       // of a hold or wait
	next  map[any]time.Time // when the next one on its row begins
	first map[string]int
	total int
}

// newDrawing lays the rows out: each process has as many as overlap in it.
func newDrawing(p *page, h *history, start, end time.Time) *drawing {
	d := &drawing{page: p, h: h, start: start, span: max(end.Sub(start), time.Millisecond), rows: make(map[any]int), next: make(map[any]time.Time), first: make(map[string]int)}
	d.width = min(widest, max(plotWidth, float64(8*(len(h.holds)+len(h.waits)))/float64(max(1, len(h.who)))))
	for _, who := range h.who {
		d.first[who] = d.total
		d.total += d.stack(who)
	}
	return d
}

// bar is a hold or a wait, to be laid out.
type bar struct {
	what     any
	from, to time.Time
}

// stack gives the process's bars rows in which they don't overlap, and returns how
// many that takes.
func (d *drawing) stack(who string) int {
	var bars []bar
	for _, w := range d.h.waits {
		if w.who == who {
			bars = append(bars, bar{w, w.from, w.to})
		}
	}
	for _, hd := range d.h.holds {
		if hd.who == who {
			bars = append(bars, bar{hd, hd.from, hd.to})
		}
	}
	slices.SortStableFunc(bars, func(a, b bar) int { return cmp.Or(a.from.Compare(b.from), a.to.Compare(b.to)) })
	var last []bar // on each row
	for _, b := range bars {
		row := slices.IndexFunc(last, func(l bar) bool { return !l.to.After(b.from) })
		if row < 0 {
			row = len(last)
			last = append(last, b)
		} else {
			d.next[last[row].what] = b.from
		}
		last[row] = b
		d.rows[b.what] = d.first[who] + row
	}
	return max(1, len(last))
}

func (d *drawing) x(t time.Time) float64 {
	return gutter + d.width*float64(t.Sub(d.start))/float64(d.span)
}

// top returns the upper edge of a row.
func (d *drawing) top(row int) int { return topSpace + row*rowHeight }

// svg writes the picture.
func (d *drawing) svg() {
	p, height := d.page, d.top(d.total)+margin
	p.f(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" width="%.0f" height="%d" viewBox="0 0 %.0f %d">`+"\n",
		clean("what happened to "+d.h.name), gutter+d.width+rightEdge, height, gutter+d.width+rightEdge, height)
	d.axis(height)
	for _, who := range d.h.who {
		y := d.top(d.first[who])
		p.f(`<line class="lane" x1="0" x2="%.0f" y1="%d" y2="%d"/>`, gutter+d.width, y, y)
		p.f(`<text class="who" x="4" y="%d"><title>%s</title><tspan class="hue%d">■</tspan> %s</text>`+"\n", y+16, clean(who), p.hue(who), clean(short(d.h.names[who], 26)))
	}
	for _, w := range d.h.waits {
		d.wait(w)
	}
	for _, hd := range d.h.holds {
		d.hold(hd)
	}
	for _, t := range d.h.takeovers {
		d.takeover(t)
	}
	for _, m := range d.h.marks {
		d.mark(m, height)
	}
	p.f("</svg>\n")
}

// axis draws the times, counted from the first event.
func (d *drawing) axis(height int) {
	step := niceStep(d.span, d.width)
	for at := time.Duration(0); at <= d.span; at += step {
		x := d.x(d.start.Add(at))
		d.page.f(`<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="time" x="%.1f" y="14">%s</text>`+"\n", x, x, topSpace-8, height-margin, x, clean(at.String()))
	}
}

// niceStep returns a step of the axis for which there is room.
func niceStep(span time.Duration, width float64) time.Duration {
	least := time.Duration(float64(span) * 90 / width)
	for unit := time.Microsecond; unit < time.Second; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if n*unit >= least {
				return n * unit
			}
		}
	}
	for _, step := range []time.Duration{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600} {
		if step*time.Second >= least {
			return step * time.Second
		}
	}
	const day = 24 * time.Hour
	return (least + day - 1) / day * day
}

func (d *drawing) wait(w *wait) {
	y, x := d.top(d.rows[w]), d.x(w.from)
	class, tip := "wait", fmt.Sprintf("%s waited %v", d.h.names[w.who], tidy(w.to.Sub(w.from)))
	if len(w.holders) > 0 {
		tip += " for " + strings.Join(w.holders, ", then ")
	}
	switch {
	case w.refused:
		class += " refused"
		tip += ", in vain"
	case !w.ended:
		class += " open"
		tip += " or longer: no end was recorded"
	case w.text != "":
		tip += ": " + w.text
	}
	d.page.f(`<rect class="%s" x="%.1f" y="%d" width="%.1f" height="8"><title>%s</title></rect>`+"\n", class, x, y+9, max(1, d.x(w.to)-x), clean(tip))
}

// hold draws one bar, and beside it what is known of its end.
func (d *drawing) hold(hd *hold) {
	p, y, x := d.page, d.top(d.rows[hd]), d.x(hd.from)
	sure := d.x(hd.to)
	tip := fmt.Sprintf("%s held %s for %v with token %d", d.h.names[hd.who], d.h.name, tidy(hd.to.Sub(hd.from)), hd.token)
	switch hd.end {
	case endReleased:
		tip += "; released"
	case endUnknown:
		sure = d.x(hd.seen)
		tip = fmt.Sprintf("%s held %s with token %d; no end was recorded, the last sign came after %v", d.h.names[hd.who], d.h.name, hd.token, tidy(hd.seen.Sub(hd.from)))
	}
	if hd.text != "" {
		tip += "; " + hd.text
	}
	width := max(2, sure-x)
	p.f(`<g class="hold"><title>%s</title>`, clean(tip))
	if hd.end == endUnknown {
		p.f(`<rect class="unsure hue%d" x="%.1f" y="%d" width="%.1f" height="18" rx="2"/>`, p.hue(hd.who), x, y+4, max(2, d.x(hd.to)-x))
	}
	p.f(`<rect class="held hue%d" x="%.1f" y="%d" width="%.1f" height="18" rx="2"/>`, p.hue(hd.who), x, y+4, width)
	if len(hd.renewals) > 0 {
		p.f(`<path class="renewed" d="`)
		for _, at := range hd.renewals {
			p.f("M%.1f %dv4", d.x(at), y+18)
		}
		p.f(`"/>`)
	}
	if hd.end == endLost || hd.end == endGone {
		p.f(`<path class="end" d="M%.1f %dl10 18m0 -18l-10 18"/>`, sure-5, y+4)
	}
	d.token(hd, x, width, y)
	p.f("</g>\n")
}

// token writes the token into the bar or, where that is too short, behind it if
// there is room.
func (d *drawing) token(hd *hold, x, width float64, y int) {
	label := fmt.Sprint(hd.token)
	needs := float64(9 + 8*len(label))
	behind, limit := d.x(hd.to)+8, gutter+d.width+rightEdge
	if next, ok := d.next[hd]; ok {
		limit = d.x(next)
	}
	switch {
	case hd.token == 0:
	case width > needs:
		d.page.f(`<text class="token" x="%.1f" y="%d">%s</text>`, x+5, y+17, label)
	case limit-behind > needs:
		d.page.f(`<text class="token behind" x="%.1f" y="%d">%s</text>`, behind, y+17, label)
	case width > 30 && len(label) > 3:
		n := min(len(label), int(width-16)/8)
		d.page.f(`<text class="token" x="%.1f" y="%d">…%s</text>`, x+3, y+17, label[len(label)-n:])
	}
}

func (d *drawing) takeover(t takeover) {
	x, y := d.x(t.at), d.top(d.rows[t.to])+13
	from := y
	if t.from != nil {
		from = d.top(d.rows[t.from]) + 13
	}
	d.page.f(`<g class="takeover"><title>%s</title><path d="M%.1f %dL%.1f %d"/><circle cx="%.1f" cy="%d" r="4"/></g>`+"\n", clean(d.h.names[t.to.who]+" "+t.what), x, from, x, y, x, y)
}

func (d *drawing) mark(m mark, height int) {
	class, x := "mark", d.x(m.at)
	if m.bad {
		class += " bad"
	}
	if m.who == "" {
		d.page.f(`<path class="%s all" d="M%.1f %dV%d"><title>%s</title></path>`+"\n", class, x, topSpace-8, height-margin, clean(m.what))
		return
	}
	y := d.top(d.first[m.who])
	d.page.f(`<path class="%s" d="M%.1f %dl4 -7h-8z"><title>%s: %s</title></path>`+"\n", class, x, y+8, clean(m.who), clean(m.what))
}
