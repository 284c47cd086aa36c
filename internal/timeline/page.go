package timeline

import (
	"bufio"
	_ "embed"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
)

//go:embed style.css
var style string

// Draw writes the page that shows the events, which need no order. It is well-formed
// XML. Without any event it says so.
//
// Errors are the writer's.
func Draw(w io.Writer, title string, events []Event) error {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	p := &page{out: bufio.NewWriter(w), seen: make(map[string]int)}
	p.f("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width\"/><title>%s</title>\n<style>%s</style></head><body>\n", clean(title), style)
	p.f("<h1>%s</h1>\n", clean(title))
	if len(events) == 0 {
		p.f("<p>Nothing happened.</p>\n")
	} else {
		p.histories(events)
		p.list(events)
	}
	p.f("</body></html>\n")
	return p.out.Flush()
}

// page is what is written to. A failed write shows at the end.
type page struct {
	out  *bufio.Writer
	seen map[string]int // processes, by their turn: the same in all pictures
}

// hue returns the number of the process's colour.
func (p *page) hue(who string) int {
	if _, ok := p.seen[who]; !ok {
		p.seen[who] = len(p.seen)
	}
	return p.seen[who] % hues
}

func (p *page) f(format string, args ...any) { fmt.Fprintf(p.out, format, args...) }

// histories draws all locks on one scale of time.
func (p *page) histories(events []Event) {
	start, end := events[0].At, events[len(events)-1].At
	all := histories(events)
	for _, h := range all {
		for _, w := range h.waits {
			if w.from.Before(start) {
				start = w.from
			}
		}
		for _, hd := range h.holds {
			if hd.from.Before(start) {
				start = hd.from
			}
		}
	}
	p.f("<p>From %s, for %v. Times are those of each process's machine. Point at anything for more.</p>\n", clean(start.UTC().Format("2006-01-02 15:04:05.000 MST")), tidy(end.Sub(start)))
	p.legend(events)
	for _, h := range all {
		p.f("<section><h2>%s</h2>\n<p>%s</p>\n<div class=\"plot\">\n", clean(h.name), clean(h.summary()))
		newDrawing(p, h, start, end).svg()
		p.f("</div></section>\n")
	}
}

// legend shows what each sign means.
func (p *page) legend(events []Event) {
	sign := func(svg, what string) {
		p.f(`<span><svg xmlns="http://www.w3.org/2000/svg" width="34" height="20" viewBox="0 0 34 20">%s</svg>%s</span>`+"\n", svg, what)
	}
	p.f("<p class=\"legend\">\n")
	sign(`<rect class="held hue0" x="1" y="1" width="32" height="18" rx="2"/><path class="renewed" d="M10 15v4M20 15v4"/>`, "held, with its token; ticks: renewed")
	sign(`<rect class="wait" x="1" y="6" width="32" height="8"/>`, "waited")
	sign(`<rect class="wait refused" x="1" y="6" width="32" height="8"/>`, "waited in vain")
	sign(`<rect class="held hue0" x="1" y="1" width="22" height="18" rx="2"/><path class="end" d="M18 1l10 18m0 -18l-10 18"/>`, "lost, or its process ended")
	sign(`<rect class="unsure hue0" x="1" y="1" width="32" height="18" rx="2"/>`, "no end was recorded")
	sign(`<g class="takeover"><path d="M17 0L17 14"/><circle cx="17" cy="14" r="4"/></g>`, "took over")
	sign(`<path class="mark bad" d="M17 14l4 -7h-8z"/>`, "trouble")
	sign(`<path class="mark" d="M17 14l4 -7h-8z"/>`, "refused, or a note")
	has := func(kind string) bool {
		return slices.ContainsFunc(events, func(e Event) bool { return e.Lock == "" && e.Who == "" && e.Kind == kind })
	}
	if has(KindNote) {
		sign(`<path class="mark all" d="M17 0V20"/>`, "it befell all")
	}
	if has(KindBroken) {
		sign(`<path class="mark bad all" d="M17 0V20"/>`, "a promise was broken")
	}
	p.f("</p>\n")
}

// summary says in numbers what happened.
func (h *history) summary() string {
	var longest time.Duration
	for _, w := range h.waits {
		longest = max(longest, w.to.Sub(w.from))
	}
	s := fmt.Sprintf("processes: %d, leases: %d, take-overs: %d, lost: %d, without a recorded end: %d, waits: %d", len(h.who), len(h.holds), len(h.takeovers), h.count(endLost), h.count(endUnknown), len(h.waits))
	if len(h.waits) > 0 {
		s += fmt.Sprintf(", the longest of %v", tidy(longest))
	}
	return s
}

// list writes all events as a table, for those who want to read.
func (p *page) list(events []Event) {
	const most = 5000
	p.f("<details><summary>All %d events</summary>\n", len(events))
	if len(events) > most {
		p.f("<p>The first %d of them:</p>\n", most)
	}
	p.f("<table><thead><tr><th>after</th><th>process</th><th>what</th><th>lock</th><th>token</th><th>details</th></tr></thead><tbody>\n")
	for _, e := range events[:min(most, len(events))] {
		var details []string
		add := func(has bool, format string, args ...any) {
			if has {
				details = append(details, fmt.Sprintf(format, args...))
			}
		}
		add(e.Waited > 0, "waited %v", tidy(e.Waited))
		add(e.Held > 0, "held %v", tidy(e.Held))
		add(e.Holder.Owner != "", "holder %s", e.Holder.Owner)
		add(e.Reason != "", "%s", e.Reason)
		add(e.Text != "", "%s", e.Text)
		token := ""
		if e.Token != 0 {
			token = fmt.Sprint(e.Token)
		}
		p.f("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
			fmt.Sprintf("%.3f s", e.At.Sub(events[0].At).Seconds()), clean(e.Who), clean(e.Kind), clean(e.Lock), token, clean(strings.Join(details, ", ")))
	}
	p.f("</tbody></table></details>\n")
}

// clean makes text of any bytes fit for XML.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return html.EscapeString(s)
}

// short cuts text in the middle: beginnings and ends tell most.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n/2]) + "…" + string(r[len(r)-n/2+1:])
}

// tidy rounds a duration to what people read.
func tidy(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}
