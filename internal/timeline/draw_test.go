package timeline_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/internal/timeline"
)

var keep = flag.String("keep", "", "`file` to write the story's picture to")

// picture counts the elements of a page's pictures by class, hues left out, and
// those of the legend too.
type picture map[string]int

// draw draws the events and checks that the page is well-formed, needs nothing
// from elsewhere and keeps everything inside of its picture.
func draw(t *testing.T, events []timeline.Event) picture {
	t.Helper()
	var page bytes.Buffer
	if err := timeline.Draw(&page, "what happened", events); err != nil {
		t.Fatal(err)
	}
	return read(t, page.Bytes())
}

func read(t *testing.T, page []byte) picture {
	t.Helper()
	p := make(picture)
	d := xml.NewDecoder(bytes.NewReader(page))
	inPlot, width := 0, 0.0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v\n%s", err, page)
		}
		if _, ends := token.(xml.EndElement); ends && inPlot > 0 {
			inPlot--
		}
		e, begins := token.(xml.StartElement)
		if !begins {
			continue
		}
		attrs := attributes(t, e)
		if inPlot > 0 || attrs["class"] == "plot" {
			inPlot++
		}
		if inPlot == 0 {
			continue
		}
		if e.Name.Local == "svg" {
			width, _ = strconv.ParseFloat(attrs["width"], 64)
		}
		if e.Name.Local == "rect" {
			x, _ := strconv.ParseFloat(attrs["x"], 64)
			w, _ := strconv.ParseFloat(attrs["width"], 64)
			if x < 0 || w <= 0 || x+w > width {
				t.Errorf("a bar from %v of width %v in a picture of width %v", x, w, width)
			}
		}
		class, _, _ := strings.Cut(attrs["class"], " hue")
		p[class]++
	}
}

// attributes returns the element's, and fails for one that fetches something.
func attributes(t *testing.T, e xml.StartElement) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, a := range e.Attr {
		all[a.Name.Local] = a.Value
	}
	if all["src"] != "" || all["href"] != "" || e.Name.Local == "script" || e.Name.Local == "link" {
		t.Errorf("the page needs something from elsewhere: %v", e)
	}
	return all
}

func at(seconds float64) time.Time {
	return time.Date(2030, 1, 1, 3, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

// story has one of everything: ann crashes, ben takes over and loses, cleo waits in
// vain, eve takes over and ends.
func story() []timeline.Event {
	ann := timeline.Holder{ID: "1", Owner: "ann", State: "held", Token: 100}
	ben := timeline.Holder{ID: "2", Owner: "ben", State: "dead", Token: 200}
	const lock = "reports/<daily> & \x01 more"
	return []timeline.Event{
		{At: at(0), Who: "ann", Kind: "acquired", Lock: lock, ID: "1", Token: 1763782000000001},
		{At: at(1), Who: "ben", Kind: timeline.KindWaiting, Lock: lock, Holder: ann},
		{At: at(3), Who: "ann", Kind: "renewed", Lock: lock, ID: "1", Token: 1763782000000001},
		{At: at(6), Who: "ann", Kind: "renewed", Lock: lock, ID: "1", Token: 1763782000000001},
		{At: at(7), Who: "cleo", Kind: "refused", Lock: lock, Waited: 4 * time.Second, Holder: ann, Text: "held by ann"},
		{At: at(16), Who: "ben", Kind: "acquired", Lock: lock, ID: "2", Token: 1763782016000000, Waited: 15 * time.Second, Holder: ann},
		{At: at(20), Who: "ben", Kind: "renew failed", Lock: lock, ID: "2", Token: 1763782016000000, Text: "no answer"},
		{At: at(21), Who: "dan", Kind: timeline.KindWaiting, Lock: lock, Holder: ben},
		{At: at(26), Who: "ben", Kind: "lost", Lock: lock, ID: "2", Token: 1763782016000000, Held: 10 * time.Second, Reason: "expired"},
		{At: at(27), Who: "eve", Kind: "acquired", Lock: lock, ID: "3", Token: 1763782027000000, Waited: 2 * time.Second, Holder: ben},
		{At: at(30), Kind: timeline.KindNote, Text: "the store stumbles"},
		{At: at(30.5), Kind: timeline.KindBroken, Text: "two held it"},
		{At: at(31), Who: "eve", Kind: timeline.KindGone, Text: "crashes"},
		{At: at(32), Who: "fay", Kind: "acquired", Lock: "another", ID: "4", Token: 7},
		{At: at(33), Who: "fay", Kind: "released", Lock: "another", ID: "4", Token: 7, Held: time.Second},
	}
}

func TestDraw(t *testing.T) {
	p := draw(t, story())
	for class, want := range map[string]int{
		"held": 4, "unsure": 1, "end": 2, "takeover": 2, "wait": 2, "wait refused": 1, "wait open": 1,
		"mark": 2, "mark bad": 1, "mark all": 2, "mark bad all": 2, "renewed": 1, "who": 6, "token": 3, "token behind": 1, "lane": 6, // eve has no room but behind hers
	} {
		if p[class] != want {
			t.Errorf("the picture has %d of class %q, want %d", p[class], class, want)
		}
	}
	if *keep != "" {
		file, err := os.Create(*keep)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := timeline.Draw(file, "a night", story()); err != nil {
			t.Fatal(err)
		}
	}
}

// Leases of one process that overlap, of one lock or of several, cover none of each
// other.
func TestDrawOverlap(t *testing.T) {
	var events []timeline.Event
	for i := range 50 {
		id := strconv.Itoa(i)
		events = append(events,
			timeline.Event{At: at(float64(i)), Who: "ann", Kind: "acquired", Lock: "job", ID: id, Token: int64(i)},
			timeline.Event{At: at(float64(i) + 2.5), Who: "ann", Kind: "released", Lock: "job", ID: id, Token: int64(i)})
	}
	var page bytes.Buffer
	if err := timeline.Draw(&page, "overlap", events); err != nil {
		t.Fatal(err)
	}
	if got := read(t, page.Bytes())["held"]; got != 50 {
		t.Errorf("%d bars, want 50", got)
	}
	if !strings.Contains(page.String(), `height="118"`) { // three rows, the axis and a margin
		t.Errorf("want three rows for three leases at once; got\n%s", page.String()[:4000])
	}
}

// A call that waits for one holder after another is one wait; a call beside it is
// another. A call whose end is not recorded takes no other's end.
func TestDrawWaits(t *testing.T) {
	waiting := func(seconds, waited float64, holder string) timeline.Event {
		return timeline.Event{
			At: at(seconds), Who: "dan", Kind: timeline.KindWaiting, Lock: "job", Waited: time.Duration(waited * float64(time.Second)),
			Holder: timeline.Holder{ID: holder, Owner: holder},
		}
	}
	events := []timeline.Event{
		waiting(1, 0.001, "ann"),
		waiting(4, 3.02, "ben"),
		waiting(5, 0.5, "ben"), // never ends
		waiting(6, 5.01, "cleo"),
		{At: at(9), Who: "dan", Kind: "acquired", Lock: "job", ID: "1", Token: 5, Waited: 8 * time.Second, Holder: timeline.Holder{ID: "cleo", Owner: "cleo"}},
	}
	var page bytes.Buffer
	if err := timeline.Draw(&page, "waits", events); err != nil {
		t.Fatal(err)
	}
	if p := read(t, page.Bytes()); p["wait"] != 1 || p["wait open"] != 1 {
		t.Errorf("%d waits and %d without an end, want one of each", p["wait"], p["wait open"])
	}
	for _, want := range []string{"dan waited 8s for ann, then ben, then cleo<", "dan waited 4.5s for ben or longer"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the picture does not say %q:\n%s", want, page.String())
		}
	}
}

func TestDrawNothing(t *testing.T) {
	for _, events := range [][]timeline.Event{nil, {{At: at(0), Who: "ann", Kind: "not checked"}}, {{At: at(0), Who: "ann", Kind: "released", Lock: "job", ID: "1", Held: time.Second}}} {
		draw(t, events)
	}
}

func TestRead(t *testing.T) {
	const lines = `{"time":"2030-01-01T03:00:01Z","level":"INFO","msg":"lock released","lock":"job","owner":"ann","id":"1","token":5,"held":1000000000}
{"time":"2030-01-01T03:00:00Z","level":"INFO","msg":"lock acquired","lock":"job","owner":"ann","process":"host/7","id":"1","token":5,"waited":20,"holder":{"id":"0","owner":"eve","token":4,"state":"dead"}}
{"time":"2030-01-01T03:00:00Z","level":"INFO","msg":"another message"}
{"time":"2030-01-01T03:00:00Z","level":"INFO","msg":"lock the door","lock":"job"}
not JSON: lock acquired
{"time":"2030-01-01T03:00:02Z","level":"INFO","msg":"lock acq{"time":"2030-01-01T03:00:03Z","level":"INFO","msg":"lock acquired","lock":"job","owner":"ben","id":"2","token":6}
{"time":"2030-01-01T03:00:04Z","level":"INFO","msg":"lock acq`
	events, err := timeline.Read(strings.NewReader(lines))
	if err != nil || len(events) != 3 {
		t.Fatalf("Read = %d events, %v; want 3, nil", len(events), err)
	}
	first := timeline.Event{At: at(0), Who: "host/7", Owner: "ann", Kind: "acquired", Lock: "job", ID: "1", Token: 5, Waited: 20, Holder: timeline.Holder{ID: "0", Owner: "eve", Token: 4, State: "dead"}}
	if events[0] != first {
		t.Errorf("Read = %+v, want %+v first", events[0], first)
	}
	if e := events[2]; e.Who != "ben" || e.Token != 6 {
		t.Errorf("Read = %+v, want an acquisition by ben behind a line that was cut off", e)
	}
	if e := events[1]; e.Who != "ann" || e.Kind != "released" || e.Held != time.Second {
		t.Errorf("Read = %+v, want a release by ann after 1s", e)
	}
	if _, err := timeline.Read(strings.NewReader("nothing\n")); err == nil {
		t.Error("Read of a log without events = nil, want an error")
	}
}
