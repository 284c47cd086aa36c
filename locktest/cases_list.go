package locktest

import (
	"bytes"
	"fmt"

	"example.com/holdfast/locker"
)

// listCases are about backends that are a [locker.Lister].
func listCases() []testCase {
	return []testCase{
		{"List", "List shows each lock whose name begins with the prefix, whoever holds it, and of it what Inspect shows.", listing, list},
		{"ListStops", "List asks and yields no further when its consumer has had enough.", listing, listStops},
	}
}

func list(e *env) {
	p, other := e.open(), e.open()
	lister := e.lister(p)
	names := []string{e.name + "/a", e.name + "/b", e.name + "/ü", e.name}
	for i, name := range names {
		e.acquireName([]*process{p, other}[i%2], name, locker.WithOwner("owner of "+name), locker.WithData([]byte(name)))
	}
	e.acquireName(other, "another/"+e.name)
	for _, prefix := range []string{e.name, e.name + "/"} {
		found := make(map[string]locker.Info)
		e.call("List", func() {
			for info, err := range lister.List(e.ctx, prefix) {
				if err != nil {
					e.Errorf("List(%q) yields %v, want no error", prefix, err)
				}
				if _, twice := found[info.Name]; twice {
					e.Errorf("List(%q) yields %q twice", prefix, info.Name)
				}
				found[info.Name] = info
			}
		})
		want := names
		if prefix != e.name {
			want = names[:3]
		}
		if len(found) != len(want) {
			e.Errorf("List(%q) yields %d locks, want %d", prefix, len(found), len(want))
		}
		for _, name := range want {
			got, seen := found[name], e.inspect(p, name)
			if got.Owner != "owner of "+name || !bytes.Equal(got.Data, []byte(name)) || got.State != locker.StateHeld || got.Remaining <= 0 {
				e.Errorf("List(%q) yields of %q: %+v, want it as it is held", prefix, name, got)
			}
			if got.AcquisitionID != seen.AcquisitionID || got.Token != seen.Token || got.TTL != seen.TTL || !got.Acquired.Equal(seen.Acquired) {
				e.Errorf("List(%q) yields %+v, want what Inspect shows: %+v", prefix, got, seen)
			}
		}
	}
}

func listStops(e *env) {
	p := e.open()
	lister := e.lister(p)
	for i := range 3 {
		e.acquireName(p, fmt.Sprintf("%s/%d", e.name, i))
	}
	n := 0
	e.call("List", func() {
		for range lister.List(e.ctx, e.name) {
			n++
			break // an iteration that goes on after this panics
		}
	})
	if n != 1 {
		e.Errorf("List yields %d locks before its consumer stops at the first, want 1", n)
	}
}

// lister returns p's method List, or skips the case.
func (e *env) lister(p *process) locker.Lister {
	l, ok := p.Locker.(locker.Lister)
	if _, lists := e.raw().(locker.Lister); !ok || !lists || e.b.NoInspect {
		e.Skip("the backend is no Lister and Inspector")
	}
	return l
}
