package dynamo

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// at returns a pointer to d after epoch, in ms, as an item has it.
func at(d time.Duration) *int64 {
	n := epoch.Add(d).UnixMilli()
	return &n
}

// between returns bounds of the server's time, after epoch.
func between(lo, hi time.Duration) span { return span{epoch.Add(lo), epoch.Add(hi)} }

// TestState is rule B as a table: the lease ends at the server's 10 s.
func TestState(t *testing.T) {
	t.Parallel()
	const margin, end = time.Second, 10 * time.Second
	zero, far, largest := int64(0), int64(farFuture), int64(1<<63-1)
	lease := item{GUID: "x", ExpiresOn: at(end), TTL: 4000}
	for _, tt := range []struct {
		name      string
		it        item
		times     span
		unknown   bool
		margin    time.Duration // 0: margin
		state     locker.State
		remaining time.Duration
		doubt     time.Duration
	}{
		{name: "no item", it: item{}, times: between(0, 1), state: locker.StateFree},
		{name: "released", it: item{GUID: "x", ExpiresOn: &zero}, times: between(0, 1), state: locker.StateFree},
		{name: "released, time unknown", it: item{GUID: "x", ExpiresOn: &zero}, unknown: true, state: locker.StateFree},
		{name: "running", it: lease, times: between(7*time.Second, 8*time.Second), state: locker.StateHeld, remaining: 3 * time.Second},
		{name: "running, stamped later than its TTL", it: lease, times: between(2*time.Second, 3*time.Second), state: locker.StateHeld, remaining: 4 * time.Second},
		{name: "about to end", it: lease, times: between(9*time.Second, end), state: locker.StateHeld, remaining: time.Second},
		{name: "may have ended", it: lease, times: between(9*time.Second, end+1), state: locker.StateHeld, remaining: time.Second, doubt: 2*time.Second + 4*ms + ms},
		{name: "ended", it: lease, times: between(end, end+time.Second), state: locker.StateHeld, doubt: time.Second + 2*ms + ms},
		{name: "ended by the margin", it: lease, times: between(end+margin, end+2*margin), state: locker.StateHeld, doubt: ms},
		{name: "dead", it: lease, times: between(end+margin+1, end+3*margin), state: locker.StateDead},
		{name: "long dead", it: lease, times: between(time.Hour, time.Hour), state: locker.StateDead},
		{name: "long dead, wider margin", it: lease, times: between(end+2*time.Second, end+3*time.Second), margin: 5 * time.Second, state: locker.StateHeld, doubt: 3*time.Second + 6*ms + ms},
		{name: "long dead, rule B off", it: lease, times: between(time.Hour, time.Hour), margin: -1, state: locker.StateHeld, remaining: 4 * time.Second},
		{name: "long dead, time unknown", it: lease, unknown: true, state: locker.StateHeld, remaining: 4 * time.Second},
		{name: "not stamped", it: item{GUID: "x", ExpiresOn: &far, TTL: 4000}, times: between(time.Hour, time.Hour), state: locker.StateHeld, remaining: 4 * time.Second},
		{name: "stamped beyond all time", it: item{GUID: "x", ExpiresOn: &largest, TTL: 4000}, times: between(time.Hour, time.Hour), state: locker.StateHeld, remaining: 4 * time.Second},
		{name: "session, ended", it: item{GUID: "x", ExpiresOn: at(end), TTL: 4000, Session: "s"}, times: between(time.Hour, time.Hour), state: locker.StateHeld},
		{name: "of the Node package, running", it: item{GUID: "x", ExpiresOn: at(end)}, times: between(0, 1), state: locker.StateHeld, remaining: end},
		{name: "of the Node package, dead", it: item{GUID: "x", ExpiresOn: at(end)}, times: between(time.Hour, time.Hour), state: locker.StateDead},
		{name: "of the Node package, time unknown", it: item{GUID: "x", ExpiresOn: at(end)}, unknown: true, state: locker.StateHeld},
	} {
		if tt.margin == 0 {
			tt.margin = margin
		}
		state, remaining, doubt := tt.it.state(tt.times, !tt.unknown, tt.margin)
		if state != tt.state || remaining != tt.remaining || doubt != tt.doubt {
			t.Errorf("%s: state = %v, remaining %v, doubt %v, want %v, %v, %v", tt.name, state, remaining, doubt, tt.state, tt.remaining, tt.doubt)
		}
	}
}

// TestDoubt shows that a doubt, once waited out, is none: whatever the rate of the
// contender's clock, as far as the bounds allow for.
func TestDoubt(t *testing.T) {
	t.Parallel()
	for end := -3 * time.Second; end < 3*time.Second; end += 17 * ms {
		it := item{GUID: "x", ExpiresOn: at(end)}
		b := &bounds{margin: time.Second}
		b.add(date(500*ms), after(500*ms), after(510*ms))
		times, ok := b.at(after(600 * ms))
		state, _, doubt := it.state(times, ok, b.margin)
		if doubt == 0 {
			continue
		}
		times, ok = b.at(after(600*ms + doubt))
		if later, _, again := it.state(times, ok, b.margin); later != locker.StateDead || again != 0 {
			t.Errorf("a lease that ended at %v is %v with doubt %v, and %v with %v after that, want %v", end, state, doubt, later, again, locker.StateDead)
		}
	}
}

// TestTTL shows which lengths of a lease are believed.
func TestTTL(t *testing.T) {
	t.Parallel()
	for ms, want := range map[int64]time.Duration{
		-1: 0, 0: 0, 1: time.Millisecond, 30_000: 30 * time.Second, 86_400_000: 24 * time.Hour, 86_400_001: 0, 1<<63 - 1: 0, -1 << 63: 0,
	} {
		it := item{TTL: ms}
		if got := it.ttl(); got != want {
			t.Errorf("ttl of %d ms = %v, want %v", ms, got, want)
		}
	}
}

// TestRevision shows that revisions of one acquisition compare by their age, and
// which of them are its own.
func TestRevision(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdefghijklmnop"
	sequences := []int64{0, 1, 2, 9, 10, 99, 100, 1_000_000, 999_999_999, 1_000_000_000, deadSequence - 1, deadSequence}
	var revisions []string
	for _, n := range sequences {
		revisions = append(revisions, revision(id, n))
		got, mine := sequence(revision(id, n), id)
		if want := n >= firstSequence && n < deadSequence; mine != want || mine && got != n {
			t.Errorf("sequence(%q) = %d, %v, want %d, %v", revision(id, n), got, mine, n, want)
		}
	}
	if !slices.IsSorted(revisions) {
		t.Errorf("revisions %q are not in order", revisions)
	}
	for _, guid := range []string{
		"", id, id + "/", id + "/1", id + "/00000000001", id + "/-000000001", id + "/+000000001", id + "/000000000x", id + "/ 00000001", id + "0000000001",
		"1" + id[1:] + "/0000000001", id + "/0000000001 ", "x" + id + "/0000000001", "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
	} {
		if n, mine := sequence(guid, id); mine {
			t.Errorf("sequence(%q) = %d, true, want false", guid, n)
		}
	}
}

// TestInfo shows what is told of an item.
func TestInfo(t *testing.T) {
	t.Parallel()
	it := item{
		Name: "n", GUID: "abc/0000000003", ExpiresOn: at(10 * time.Second), Token: 7, TTL: 5000, Owner: "o", Acquired: epoch.UnixMilli(), Data: []byte("d"),
	}
	got := it.info(between(8*time.Second, 9*time.Second), true, time.Second)
	want := locker.Info{
		Name: "n", AcquisitionID: "abc", Owner: "o", Token: 7, TTL: 5 * time.Second, Acquired: epoch.Local(), State: locker.StateHeld,
		Revision: "abc/0000000003", Data: []byte("d"), Remaining: 2 * time.Second,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("info = %+v, want %+v", got, want)
	}
	node := item{Name: "n", GUID: "6ba7b810-9dad-41d1-80b4-00c04fd430c8", ExpiresOn: at(0)}
	got = node.info(span{}, false, time.Second)
	if got.AcquisitionID != node.GUID || !got.Acquired.IsZero() || got.TTL != 0 || got.State != locker.StateHeld {
		t.Errorf("info of an item of the Node package = %+v, want its guid, no TTL, held", got)
	}
}
