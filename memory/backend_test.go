package memory

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

const (
	idA = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB = "bbbbbbbbbbbbbbbbbbbbbbbbbb"
	idC = "cccccccccccccccccccccccccc"
	ttl = 10 * time.Second
)

var start = time.Unix(1_000_000, 0)

// bench is a store with one process, as a test of the backend needs it. All
// that is done is done to the name of the test.
type bench struct {
	*testing.T
	clock *Clock
	store *Store
	b     *backend
	name  string
}

func newBench(t *testing.T) *bench {
	clock := NewClock(start)
	store := NewStore(func(o *Options) { o.Clock = clock })
	return &bench{T: t, clock: clock, store: store, b: &backend{store: store}, name: t.Name()}
}

func (b *bench) attempt(id string) locker.Attempt {
	return locker.Attempt{Name: b.name, ID: id, Owner: "owner of " + id[:1], TTL: ttl, Data: []byte(id[:2])}
}

func (b *bench) acquire(id string) locker.Grant {
	b.Helper()
	g, err := b.b.Acquire(b.Context(), b.attempt(id))
	if err != nil {
		b.Fatalf("Acquire(%q) = %v", id, err)
	}
	return g
}

func (b *bench) refused(a locker.Attempt) locker.Info {
	b.Helper()
	g, err := b.b.Acquire(b.Context(), a)
	var held *locker.HeldError
	if !errors.As(err, &held) || held.Name != b.name || !reflect.DeepEqual(g, locker.Grant{}) {
		b.Fatalf("Acquire(%q) = %+v, %v, want no grant and a HeldError", a.ID, g, err)
	}
	return held.Holder
}

func (b *bench) renew(g locker.Grant) locker.Grant {
	b.Helper()
	next, err := b.b.Renew(b.Context(), g, locker.Renewal{TTL: ttl})
	if err != nil {
		b.Fatalf("Renew(%q) = %v", g.Revision, err)
	}
	return next
}

func (b *bench) release(g locker.Grant, hold time.Duration) {
	b.Helper()
	if err := b.b.Release(b.Context(), g, hold); err != nil {
		b.Fatalf("Release(%q, %v) = %v", g.ID, hold, err)
	}
}

func (b *bench) lost(what string, err error, want locker.LossReason) {
	b.Helper()
	var lost *locker.LostError
	if !errors.As(err, &lost) || lost.Reason != want || lost.Name != b.name {
		b.Errorf("%s = %v, want a LostError for %q: %v", what, err, b.name, want)
	}
}

func (b *bench) inspect() locker.Info {
	b.Helper()
	info, err := b.b.Inspect(b.Context(), b.name)
	if err != nil {
		b.Fatalf("Inspect(%q) = %v", b.name, err)
	}
	return info
}

func (b *bench) wantInfo(got, want locker.Info) {
	b.Helper()
	want.Name = b.name
	if !reflect.DeepEqual(got, want) {
		b.Errorf("Info:\n got %+v\nwant %+v", got, want)
	}
}

func TestInspectUnknown(t *testing.T) {
	b := newBench(t)
	b.wantInfo(b.inspect(), locker.Info{State: locker.StateFree})
	got, err := b.b.Poll(t.Context(), b.name)
	if err != nil {
		t.Fatalf("Poll(%q) = %v", b.name, err)
	}
	b.wantInfo(got, locker.Info{State: locker.StateFree})
}

// Nobody can change the store's data by writing into a slice.
func TestDataCopied(t *testing.T) {
	b := newBench(t)
	a := b.attempt(idA)
	if _, err := b.b.Acquire(t.Context(), a); err != nil {
		t.Fatalf("Acquire(%q) = %v", idA, err)
	}
	a.Data[0] = 'X'
	b.inspect().Data[0] = 'Y'
	b.refused(b.attempt(idB)).Data[0] = 'Z'
	if got := string(b.inspect().Data); got != "aa" {
		t.Errorf("data = %q, want %q", got, "aa")
	}
}

func TestCallDone(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.store.FailNext(OpAcquire, errors.New("for a call that is made"))
	_, acquireErr := b.b.Acquire(ctx, b.attempt(idB))
	_, renewErr := b.b.Renew(ctx, g, locker.Renewal{TTL: ttl})
	_, inspectErr := b.b.Inspect(ctx, b.name)
	for i, err := range []error{acquireErr, renewErr, inspectErr, b.b.Release(ctx, g, 0)} {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, locker.ErrUnavailable) {
			t.Errorf("call %d with a ctx that is done = %v, want both %v and %v", i, err, context.Canceled, locker.ErrUnavailable)
		}
	}
	if got := b.inspect().Revision; got != g.Revision {
		t.Errorf("revision = %q, want %q: nothing was done", got, g.Revision)
	}
}

func TestDeadIDs(t *testing.T) {
	var d deadIDs
	for i := range 3 * deadKept {
		d.add("name", revision("", int64(i)))
		d.add("name", revision("", int64(i)))
	}
	for i, want := range map[int64]bool{0: false, 2*deadKept - 1: false, 2 * deadKept: true, 3*deadKept - 1: true} {
		if got := d.has("name", revision("", i)); got != want {
			t.Errorf("has(%d) = %v, want %v", i, got, want)
		}
	}
	if d.has("other", revision("", 3*deadKept-1)) || len(d.known) != deadKept || len(d.order) != deadKept {
		t.Errorf("%d known, %d in order, want %d of one name", len(d.known), len(d.order), deadKept)
	}
}
