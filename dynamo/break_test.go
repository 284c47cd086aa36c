package dynamo

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// see returns what an operator sees of the test's lock.
func see(t *testing.T, p *process) locker.Info {
	t.Helper()
	info, err := p.Inspect(t.Context(), t.Name())
	if err != nil {
		t.Fatalf("Inspect(%q) = %v, want nil", t.Name(), err)
	}
	return info
}

// breakSeen breaks what was seen, which has to work.
func breakSeen(t *testing.T, p *process, info locker.Info, opts ...locker.BreakOption) {
	t.Helper()
	if err := p.Break(t.Context(), info, opts...); err != nil {
		t.Fatalf("Break(%q of %q) = %v, want nil", info.AcquisitionID, info.Name, err)
	}
}

// wantTaken checks that a lease was lost because the store names another.
func wantTaken(t *testing.T, what string, err error) {
	t.Helper()
	var lost *locker.LostError
	if !errors.As(err, &lost) || lost.Reason != locker.LossTaken {
		t.Errorf("%s of a broken lease = %v, want a *LostError of reason %v", what, err, locker.LossTaken)
	}
}

// TestBreakLiveHolder breaks a holder that is alive, and one that never hears of
// it. Neither believes longer than it would have without renewals, and nobody else
// has the lock before.
func TestBreakLiveHolder(t *testing.T) {
	t.Parallel()
	const ttl = 4 * time.Second
	for _, tt := range []struct {
		name   string
		cutOff bool
		margin time.Duration // of all three: negative, and rule A alone decides
		first  bool          // the waiter has seen the lease before it was broken
	}{
		{name: "renews"},
		{name: "cut off", cutOff: true},
		{name: "cut off, long awaited", cutOff: true, first: true},
		{name: "cut off, by rule A alone", cutOff: true, margin: -1},
		{name: "cut off, by rule A alone, long awaited", cutOff: true, margin: -1, first: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules := func(o *Options) { o.ClockMargin = tt.margin }
			holder, operator, waiter := openWarm(t, rules), openWarm(t, rules), openWarm(t, rules)
			lease := acquire(t, holder, t.Name(), locker.WithTTL(ttl))
			taken := make(chan error)
			wait := func() {
				go func() {
					_, err := waiter.Acquire(t.Context(), t.Name())
					if err == nil && lease.Err() == nil {
						err = errors.New("the broken holder believes")
					}
					taken <- err
				}()
			}
			if tt.first {
				wait()
				eventually(t, 20*time.Second, "a look of the waiter", func() bool { return waiter.faults.Counts()["GetItem"] > 0 })
			}
			if err := lease.Renew(t.Context()); err != nil {
				t.Fatalf("Renew(%q) = %v, want nil", t.Name(), err)
			}
			if tt.cutOff {
				holder.cutOff()
			}
			info := see(t, operator)
			operator.faults.Reset()
			breakSeen(t, operator, info)
			broken := time.Now()
			operator.wantCounts(t, "Break", counts{"UpdateItem": 1})
			if !tt.first {
				wait()
			}
			if tt.cutOff {
				if err := lease.Err(); err != nil {
					t.Errorf("Err(%q) of a holder that has not heard = %v, want nil", t.Name(), err)
				}
			} else {
				<-lease.Done()
				if d := time.Since(broken); d > ttl/2+prompt {
					t.Errorf("the holder heard of it after %v, want at its next renewal", d)
				}
				wantTaken(t, "Err", lease.Err())
				if text := fmt.Sprint(lease.Err()); !strings.Contains(text, "an operator has broken it") {
					t.Errorf("Err = %s, want it to say that the lease was broken", text)
				}
			}
			if err := <-taken; err != nil {
				t.Errorf("Acquire(%q) by the waiter = %v, want a lease after the broken one", t.Name(), err)
			}
			if d := time.Since(broken); d > ttl+5*time.Second {
				t.Errorf("Acquire(%q) took until %v after the break, want at most TTL + 5 s", t.Name(), d)
			}
		})
	}
}

// TestBreakItem shows what a break writes: a revision of nobody's, and nothing
// else; and FreeNow, what a release writes.
func TestBreakItem(t *testing.T) {
	t.Parallel()
	p, operator := openWarm(t), openWarm(t)
	lease := acquire(t, p, t.Name(), locker.WithData([]byte("data")), locker.WithoutRenewal())
	want := readItem(t, t.Name())
	info := see(t, operator)
	breakSeen(t, operator, info)
	want["guid"] = text(revision(locker.BrokenID(lease.ID()), 0))
	if got := readItem(t, t.Name()); !reflect.DeepEqual(got, want) {
		t.Errorf("item after a break = %v, want %v", got, want)
	}
	seen := see(t, operator)
	if seen.Owner != "A" || seen.State != locker.StateHeld || seen.AcquisitionID != locker.BrokenID(lease.ID()) {
		t.Errorf("Inspect(%q) after a break = %+v, want it held by the owner under %q", t.Name(), seen, locker.BrokenID(lease.ID()))
	}
	breakSeen(t, operator, info, locker.FreeNow())
	want["guid"], want["expiresOn"] = text(revision(locker.BrokenID(lease.ID()), deadSequence)), number("0")
	for _, attr := range []string{"ttl", "owner", "acquired", "data"} {
		delete(want, attr)
	}
	if got := readItem(t, t.Name()); !reflect.DeepEqual(got, want) {
		t.Errorf("item after a break with FreeNow = %v, want %v", got, want)
	}
}

// TestBreakDuplicates shows that writes of the broken holder that come late are
// refused, whatever became of the name.
func TestBreakDuplicates(t *testing.T) {
	t.Parallel()
	p, operator := openWarm(t), openWarm(t)
	keptAcquire := p.keep()
	lease := acquire(t, p, t.Name(), locker.WithoutRenewal())
	first := keptAcquire(t)
	keptRenewal := p.keep()
	if err := lease.Renew(t.Context()); err != nil {
		t.Fatalf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	renewal := keptRenewal(t)
	info, keptBreak := see(t, operator), operator.keep()
	breakSeen(t, operator, info)
	breaking := keptBreak(t)
	late := func(when string) {
		wantRefused(t, "a copy of the acquire "+when, t.Name(), first)
		wantRefused(t, "a copy of a renewal "+when, t.Name(), renewal)
		wantRefused(t, "a copy of the break "+when, t.Name(), breaking)
	}
	late("after the break")
	wantTaken(t, "Release", lease.Release(t.Context()))
	breakSeen(t, operator, info, locker.FreeNow())
	late("after FreeNow")
	second := acquire(t, openWarm(t), t.Name())
	late("after the next acquire")
	wantHolder(t, second)
}

// TestBreakAcquireUnknown breaks an acquisition before its holder knows that it has
// it: the holder is refused.
func TestBreakAcquireUnknown(t *testing.T) {
	t.Parallel()
	p, operator := openWarm(t), openWarm(t)
	p.faults.Inject("UpdateItem", 1, func(c *faulthttp.Call) (*http.Response, error) {
		if _, err := c.Send(); err != nil {
			return nil, err
		}
		info, err := operator.Inspect(t.Context(), t.Name())
		if err = errors.Join(err, operator.Break(t.Context(), info)); err != nil {
			t.Errorf("Inspect and Break(%q) = %v, want nil", t.Name(), err)
		}
		return nil, faulthttp.ErrConnection
	})
	if held := refuse(t, p, t.Name()); !strings.HasPrefix(held.Holder.AcquisitionID, "broken") {
		t.Errorf("TryAcquire(%q) names %q as the holder, want what the break wrote", t.Name(), held.Holder.AcquisitionID)
	}
}

// TestBreakSpoiled shows that a break of unknown outcome says so, and may be
// repeated.
func TestBreakSpoiled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault faulthttp.Fault
	}{
		{"request lost", faulthttp.Drop()},
		{"answer lost", faulthttp.Lose()},
		{"500 after commit", faulthttp.FailAfter(500, "InternalServerError", "it broke")},
		{"answer truncated", faulthttp.Truncate(20)},
		{"answer not JSON", faulthttp.NotJSON()},
		{"echo of another's write", faulthttp.Echo("guid", map[string]any{"S": revision("zzzzzzzzzzzzzzzzzzzzzzzzzz", 1)})},
		{"throttled", faulthttp.Error(400, "ThrottlingException", "slow down")},
	} {
		for how, opts := range map[string][]locker.BreakOption{"": nil, ", freeing": {locker.FreeNow()}} {
			t.Run(tt.name+how, func(t *testing.T) {
				t.Parallel()
				p, operator := openWarm(t), openWarm(t)
				lease := acquire(t, p, t.Name(), locker.WithoutRenewal())
				info := see(t, operator)
				operator.faults.Reset()
				operator.faults.Inject("UpdateItem", 1, tt.fault)
				if err := operator.Break(t.Context(), info, opts...); !errors.Is(err, locker.ErrUnavailable) {
					t.Errorf("Break(%q) = %v, want ErrUnavailable", t.Name(), err)
				}
				breakSeen(t, operator, info, opts...)
				operator.wantCounts(t, "two breaks", counts{"UpdateItem": 2})
				if err := lease.Renew(t.Context()); !errors.Is(err, locker.ErrLost) {
					t.Errorf("Renew(%q) after the break = %v, want ErrLost", t.Name(), err)
				}
			})
		}
	}
}

// TestBreakRenewed shows that a renewal after the look does not spoil a break.
func TestBreakRenewed(t *testing.T) {
	t.Parallel()
	p, operator := openWarm(t), openWarm(t)
	lease := acquire(t, p, t.Name(), locker.WithoutRenewal())
	info := see(t, operator)
	if err := lease.Renew(t.Context()); err != nil {
		t.Fatalf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	end := readItem(t, t.Name())["expiresOn"]
	breakSeen(t, operator, info)
	wantTaken(t, "Renew", lease.Renew(t.Context()))
	if got := readItem(t, t.Name())["expiresOn"]; !reflect.DeepEqual(got, end) {
		t.Errorf("expiresOn after the break = %v, want that of the last renewal, %v", got, end)
	}
}

// TestBreakOther shows that whoever came after the acquisition seen keeps the lock.
func TestBreakOther(t *testing.T) {
	t.Parallel()
	p, operator := openWarm(t), openWarm(t, owner("operator"))
	first := acquire(t, p, t.Name())
	info := see(t, operator)
	if err := first.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	second := acquire(t, p, t.Name(), locker.WithOwner("the next"))
	before := readItem(t, t.Name())
	var held *locker.HeldError
	for _, opts := range [][]locker.BreakOption{nil, {locker.FreeNow()}} {
		if err := operator.Break(t.Context(), info, opts...); !errors.As(err, &held) || held.Holder.Owner != "the next" || held.Cause == nil {
			t.Errorf("Break(%q) of an acquisition that has ended = %v, want a *HeldError that names %q and says why", t.Name(), err, "the next")
		}
	}
	if after := readItem(t, t.Name()); !reflect.DeepEqual(after, before) {
		t.Errorf("a break of an acquisition that has ended changed the item from %v to %v", before, after)
	}
	wantHolder(t, second)
}

// TestBreakAgain shows that a second break changes nothing, whoever sends it, and
// that what is free is not an error.
func TestBreakAgain(t *testing.T) {
	t.Parallel()
	p, operator := openWarm(t), openWarm(t)
	acquire(t, p, t.Name())
	info := see(t, operator)
	breakSeen(t, operator, info)
	broken, want := see(t, operator), readItem(t, t.Name())
	for _, who := range []*process{operator, openWarm(t)} {
		breakSeen(t, who, info)
		breakSeen(t, who, broken)
	}
	if got := readItem(t, t.Name()); !reflect.DeepEqual(got, want) {
		t.Errorf("item after a second break = %v, want %v", got, want)
	}

	breakSeen(t, operator, info, locker.FreeNow())
	breakSeen(t, operator, info, locker.FreeNow())
	breakSeen(t, operator, info)
	operator.faults.Reset()
	free := see(t, operator)
	breakSeen(t, operator, free)
	operator.wantCounts(t, "Inspect, and Break of what was free", counts{"GetItem": 1})
	deleteItem(t, t.Name())
	breakSeen(t, operator, info)
	if got := readItem(t, t.Name()); got != nil {
		t.Errorf("a break created the item %v", got)
	}
}

// TestBreakItems breaks items that are not this package's own leases.
func TestBreakItems(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdefghijklmnop"
	own := attributes{"guid": text(revision(id, 7)), "expiresOn": number("99999999999999"), "token": number("5"), "ttl": number("1000")}
	with := func(attr, value string) attributes {
		it := maps.Clone(own)
		it[attr] = text(value)
		return it
	}
	for _, tt := range []struct {
		name  string
		attrs attributes
	}{
		{"bound to what is no session", with("session", "x")},
		{"no revision", with("guid", id+"/x")},
		{"a number that is text", with("expiresOn", "soon")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			writeItem(t, t.Name(), tt.attrs)
			before, operator := readItem(t, t.Name()), openWarm(t)
			for _, opts := range [][]locker.BreakOption{nil, {locker.FreeNow()}} {
				err := operator.Break(t.Context(), locker.Info{Name: t.Name(), AcquisitionID: id}, opts...)
				var damaged *ItemError
				if !errors.As(err, &damaged) {
					t.Errorf("Break(%q) = %v, want an *ItemError", t.Name(), err)
				}
			}
			if after := readItem(t, t.Name()); !reflect.DeepEqual(after, before) {
				t.Errorf("a break changed the item from %v to %v", before, after)
			}
		})
	}
}

// TestBreakNode breaks a lease of the Node package: pinned to the one write that was
// seen, and kept until it would have ended.
func TestBreakNode(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	node, p := newNode(t), openWarm(t)
	if err := node.getLock(t.Context(), t.Name(), timeout); err != nil {
		t.Fatalf("getLock(%q) = %v, want nil", t.Name(), err)
	}
	begin, info := time.Now(), see(t, p)
	other := info
	other.AcquisitionID = randomToken()
	var held *locker.HeldError
	if err := p.Break(t.Context(), other); !errors.As(err, &held) {
		t.Errorf("Break(%q) of another write = %v, want a *HeldError", t.Name(), err)
	}
	wantNodeItem(t, t.Name())
	breakSeen(t, p, info)
	breakSeen(t, p, info)
	if err := node.getLock(t.Context(), t.Name(), timeout); !errors.Is(err, errNodeHeld) {
		t.Errorf("getLock(%q) = %v after the break, want %v", t.Name(), err, errNodeHeld)
	}
	if _, err := p.Acquire(t.Context(), t.Name()); err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
	}
	if d := time.Since(begin); d < timeout-prompt {
		t.Errorf("Acquire(%q) took until %v after the lease began, want %v", t.Name(), d, timeout)
	}
}
