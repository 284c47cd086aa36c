package dynamo

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/locker"
)

// names returns n names of a test, in order.
func names(t *testing.T, n int) []string {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s/%03d", t.Name(), i)
	}
	return list
}

// acquireAll takes the locks, which has to work.
func acquireAll(t *testing.T, p *process, names []string, opts ...locker.Option) *locker.Group {
	t.Helper()
	group, err := locker.AcquireAll(t.Context(), p, names, append([]locker.Option{locker.NoWait()}, opts...)...)
	if err != nil {
		t.Fatalf("AcquireAll of %d names = %v, want nil", len(names), err)
	}
	return group
}

// wantWhole checks that every item shows the lease of its name, or that none is held.
func wantWhole(t *testing.T, group *locker.Group, names []string) {
	t.Helper()
	var leases []*locker.Lease
	if group != nil {
		leases = slices.Collect(group.All())
		if len(leases) != len(names) {
			t.Fatalf("the group has %d leases, want %d", len(leases), len(names))
		}
	}
	for i, name := range names {
		it := readDecoded(t, name)
		state, _, _ := it.state(span{}, false, time.Second)
		switch {
		case group == nil && state != locker.StateFree:
			t.Errorf("%q is held, want nothing held", name)
		case group != nil && !strings.HasPrefix(it.GUID, leases[i].ID()+"/") || group != nil && it.GUID == revision(leases[i].ID(), deadSequence):
			t.Errorf("%q has guid %q, want that of lease %q", name, it.GUID, leases[i].ID())
		}
	}
}

// TestRequestsAcquireAll counts what holding many names costs: one request for up to
// 100 names, of twice the units, and a release each.
func TestRequestsAcquireAll(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	for _, n := range []int{2, 10, 100} {
		list := names(t, n)
		group := acquireAll(t, p, list)
		p.wantCounts(t, fmt.Sprintf("AcquireAll of %d names", n), counts{"TransactWriteItems": 1})
		wantWhole(t, group, list)
		var last locker.Token
		for lease := range group.All() {
			if lease.Token() <= 0 {
				t.Errorf("Token(%q) = %v, want above 0", lease.Name(), lease.Token())
			}
			last = max(last, lease.Token())
		}
		if err := group.Release(t.Context()); err != nil {
			t.Errorf("Release of %d names = %v, want nil", n, err)
		}
		p.wantCounts(t, fmt.Sprintf("releasing %d names", n), counts{"UpdateItem": n})
		again := acquireAll(t, p, list)
		p.wantCounts(t, fmt.Sprintf("AcquireAll of %d names that were released", n), counts{"TransactWriteItems": 1})
		before := slices.Collect(group.All())
		for i, lease := range slices.Collect(again.All()) {
			if lease.Token() <= before[i].Token() {
				t.Errorf("Token(%q) = %v, want above %v", lease.Name(), lease.Token(), before[i].Token())
			}
		}
		again.Release(t.Context())
		p.faults.Reset()
	}
	acquireAll(t, p, []string{t.Name() + "/alone"}).Release(t.Context())
	p.wantCounts(t, "AcquireAll of one name, and its release", counts{"UpdateItem": 2})
	acquireAll(t, p, names(t, 101)).Release(t.Context())
	p.wantCounts(t, "AcquireAll of 101 names, and the releases", counts{"TransactWriteItems": 1, "UpdateItem": 102})
	acquireAll(t, p, names(t, 201)).Release(t.Context())
	p.wantCounts(t, "AcquireAll of 201 names, and the releases", counts{"TransactWriteItems": 2, "UpdateItem": 202})
	fresh := open(t)
	acquireAll(t, fresh, []string{t.Name() + "/fresh/a", t.Name() + "/fresh/b", t.Name() + "/fresh/c"}).Release(t.Context())
	fresh.wantCounts(t, "the first AcquireAll of a process, and the releases", counts{"DescribeTable": 1, "GetItem": 1, "TransactWriteItems": 1, "UpdateItem": 3})
}

// TestAcquireAllHeld refuses a group for one name of it, of which the error tells.
func TestAcquireAllHeld(t *testing.T) {
	t.Parallel()
	list := names(t, 4)
	acquire(t, openWarm(t, owner("holder")), list[2], locker.WithTTL(time.Minute))
	p := openWarm(t)
	group, err := locker.AcquireAll(t.Context(), p, list, locker.NoWait())
	var held *locker.HeldError
	if !errors.As(err, &held) || held.Name != list[2] || held.Holder.Owner != "holder" {
		t.Fatalf("AcquireAll = %v, %v, want a *HeldError of %q by %q", group, err, list[2], "holder")
	}
	p.wantCounts(t, "an AcquireAll that is refused", counts{"TransactWriteItems": 1})
	wantWhole(t, nil, []string{list[0], list[1], list[3]})
}

// TestAcquireAllTakesOver finds two dead holders among the names: by rule B, and pinned.
func TestAcquireAllTakesOver(t *testing.T) {
	t.Parallel()
	list := names(t, 4)
	for _, name := range []string{list[1], list[3]} {
		writeItem(t, name, attributes{"guid": text("0123456789abcdefghijklmnop/0000000007"), "expiresOn": number("1000"), "token": number("5"), "ttl": number("1000")})
	}
	var seen events
	p := openWarm(t, seen.observe)
	writeItem(t, list[0], attributes{"guid": text(revision("0123456789abcdefghijklmnop", deadSequence)), "expiresOn": number("1000"), "token": number("5"), "ttl": number("1000")}) // released, with a hold that is over
	group := acquireAll(t, p, list)
	p.wantCounts(t, "an AcquireAll that takes over", counts{"TransactWriteItems": 2})
	wantWhole(t, group, list)
	for _, e := range seen.of(locker.EventAcquired) {
		if want := e.Name == list[1] || e.Name == list[3]; e.TookOver != want && slices.Contains(list, e.Name) {
			t.Errorf("the event of %q says that it took over: %v, want %v", e.Name, e.TookOver, want)
		}
	}
}

// TestAcquireAllWaits waits for one name by one read a look, and holds nothing
// meanwhile.
func TestAcquireAllWaits(t *testing.T) {
	t.Parallel()
	list := names(t, 3)
	lease := acquire(t, openWarm(t), list[1], locker.WithTTL(time.Minute))
	p := openWarm(t)
	type result struct {
		group *locker.Group
		err   error
	}
	got := make(chan result, 1)
	go func() {
		group, err := locker.AcquireAll(t.Context(), p, list)
		got <- result{group, err}
	}()
	eventually(t, 20*time.Second, "five looks", func() bool { return p.faults.Counts()["GetItem"] >= 5 })
	for _, r := range p.faults.Records() {
		var in struct {
			Key            map[string]map[string]string
			ConsistentRead bool
		}
		if err := json.Unmarshal(r.Body, &in); err != nil {
			t.Fatal(err)
		}
		if r.Operation == "GetItem" && (in.Key["name"]["S"] != list[1] || in.ConsistentRead) {
			t.Errorf("the waiter looks at %q, consistent: %v; want eventually consistent looks at %q alone", in.Key["name"]["S"], in.ConsistentRead, list[1])
		}
	}
	wantWhole(t, nil, []string{list[0], list[2]})
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", list[1], err)
	}
	r := <-got
	if r.err != nil {
		t.Fatalf("AcquireAll = %v, want nil", r.err)
	}
	wantWhole(t, r.group, list)
	if n := p.faults.Counts()["TransactWriteItems"]; n != 2 {
		t.Errorf("the waiter sent %d transactions, want 2: one refused, one granted", n)
	}
}

// TestAcquireAllStrongGlobal uses single writes where a table has no transactions.
func TestAcquireAllStrongGlobal(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.faults.Inject("DescribeTable", 1, global("2019.11.21", types.MultiRegionConsistencyStrong))
	list := names(t, 3)
	wantWhole(t, acquireAll(t, p, list), list)
	p.wantCounts(t, "AcquireAll on a strongly consistent global table", counts{"DescribeTable": 1, "GetItem": 1, "UpdateItem": 3})
}

// TestAcquireAllOpposite lets two processes want overlapping names in opposite order,
// 1,000 rounds of each: none waits for ever, and none holds a part. It runs by itself:
// it has the server do as much as it can, which others could not bear.
func TestAcquireAllOpposite(t *testing.T) {
	lanes, rounds := 40, 25
	if testing.Short() {
		rounds = 5
	}
	processes := []*process{openWarm(t), openWarm(t)}
	var mu sync.Mutex
	holder := make(map[string]int)
	change := func(names []string, from, to int) {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range names {
			if holder[name] != from {
				t.Errorf("process %d has %q while process %d holds it", max(from, to), name, holder[name])
			}
			holder[name] = to
		}
	}
	var callers sync.WaitGroup
	for lane := range lanes {
		a, b, c := fmt.Sprintf("%s/%d/a", t.Name(), lane), fmt.Sprintf("%s/%d/b", t.Name(), lane), fmt.Sprintf("%s/%d/c", t.Name(), lane)
		for i, names := range [][]string{{a, b}, {c, b, a}} {
			callers.Go(func() {
				for range rounds {
					group, err := locker.AcquireAll(t.Context(), processes[i], names, locker.WithTTL(time.Minute))
					if err != nil {
						t.Errorf("AcquireAll(%q) = %v", names, err)
						return
					}
					change(names, 0, i+1)
					change(names, i+1, 0)
					if err := group.Release(t.Context()); err != nil {
						t.Errorf("Release of %q = %v", names, err)
					}
				}
			})
		}
	}
	callers.Wait()
	for i, p := range processes {
		n := lanes * rounds
		got := p.faults.Counts()
		t.Logf("process %d: %d rounds of %d names: %v", i+1, n, 2+i, got)
		if got["TransactWriteItems"] < n || got["UpdateItem"] < n*(2+i) || got["DescribeTable"] > 0 {
			t.Errorf("process %d sent %v, want at least %d transactions and %d releases", i+1, got, n, n*(2+i))
		}
	}
	for lane := range lanes {
		wantWhole(t, nil, []string{fmt.Sprintf("%s/%d/a", t.Name(), lane), fmt.Sprintf("%s/%d/b", t.Name(), lane), fmt.Sprintf("%s/%d/c", t.Name(), lane)})
	}
}

// TestAcquireAllBound takes over names that are bound to the session of a holder that
// crashed, beside free ones, and binds its own leases to another.
func TestAcquireAllBound(t *testing.T) {
	t.Parallel()
	const ttl = 6 * time.Second
	dead := openWarm(t, shared)
	list := []string{t.Name() + "/0", t.Name() + "/1", t.Name() + "/free"}
	leases := bound(t, dead, ttl, 2)
	dead.cutOff()
	p := openWarm(t, shared)
	group, err := locker.AcquireAll(t.Context(), p, list, locker.WithTTL(ttl))
	if err != nil {
		t.Fatalf("AcquireAll = %v, want nil", err)
	}
	for i, lease := range slices.Collect(group.All())[:2] {
		if err := leases[i].Err(); !errors.Is(err, locker.ErrLost) {
			t.Errorf("the lease before on %q has Err %v, want it lost", lease.Name(), err)
		}
		if lease.Token() <= leases[i].Token() {
			t.Errorf("Token(%q) = %v, want above %v", lease.Name(), lease.Token(), leases[i].Token())
		}
	}
	for _, name := range list {
		eventually(t, 20*time.Second, "it is bound", func() bool { return readDecoded(t, name).Session != "" })
	}
	if err := group.Release(t.Context()); err != nil {
		t.Errorf("Release = %v, want nil", err)
	}
	wantWhole(t, nil, list)
}
