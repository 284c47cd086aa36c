package memory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"example.com/holdfast/locker"
)

// awaiter calls Await in a goroutine of its own.
type awaiter struct {
	b    *backend
	done bool // guarded by synctest.Wait
	err  error
}

func (b *bench) await(ctx context.Context, process *backend, revision string) *awaiter {
	w := &awaiter{b: process}
	go func() {
		w.err = process.Await(ctx, b.name, revision)
		w.done = true
	}()
	synctest.Wait()
	return w
}

func (b *bench) wantDone(w *awaiter, done bool, err error) {
	b.Helper()
	synctest.Wait()
	if w.done != done || !errors.Is(w.err, err) {
		b.Errorf("Await returned: %v, with %v; want %v, with %v", w.done, w.err, done, err)
	}
}

func TestAwaitChanged(t *testing.T) {
	b := newBench(t)
	at := func(revision string) {
		t.Helper()
		if err := b.b.Await(t.Context(), b.name, revision); err != nil {
			t.Errorf("Await(%q) = %v, want nil at once", revision, err)
		}
	}
	at("")
	g := b.acquire(idA)
	at("")
	at(idA + "/0000000002")
	b.clock.Advance(ttl)
	at(g.Revision) // the lease has ended
	b.release(g, 0)
	at(idA + "/9999999999") // free
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.b.Await(ctx, b.name, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Await with a ctx that is done = %v, want %v", err, context.Canceled)
	}
}

func TestAwaitWakes(t *testing.T) {
	changes := map[string]func(*bench, locker.Grant){
		"renew":             func(b *bench, g locker.Grant) { b.renew(g) },
		"release":           func(b *bench, g locker.Grant) { b.release(g, 0) },
		"release with hold": func(b *bench, g locker.Grant) { b.release(g, ttl) },
		"steal":             func(b *bench, _ locker.Grant) { b.store.Steal(b.name) },
		"expire":            func(b *bench, _ locker.Grant) { b.store.Expire(b.name) },
		"take over":         func(b *bench, _ locker.Grant) { b.clock.Advance(ttl); b.acquire(idB) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				g := b.acquire(idA)
				waits := b.await(t.Context(), b.b, g.Revision)
				b.wantDone(waits, false, nil)
				change(b, g)
				b.wantDone(waits, true, nil)
			})
		})
	}
}

func TestAwaitCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		g := b.acquire(idA)
		ctx, cancel := context.WithCancel(t.Context())
		first := b.await(ctx, b.b, g.Revision)
		second := b.await(t.Context(), &backend{store: b.store}, g.Revision)
		cancel()
		b.wantDone(first, true, context.Canceled)
		b.wantDone(second, false, nil)
		b.release(g, 0) // one who has gone does not stand in the way
		b.wantDone(second, true, nil)
	})
}

// All that wait get to know of a change.
func TestAwaitAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		g := b.acquire(idA)
		var all []*awaiter
		for range 5 {
			all = append(all, b.await(t.Context(), &backend{store: b.store}, g.Revision))
		}
		all = append(all, b.await(t.Context(), b.b, g.Revision), b.await(t.Context(), b.b, g.Revision))
		b.release(g, 0)
		for _, w := range all {
			b.wantDone(w, true, nil)
		}
	})
}

func TestWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		g := b.acquire(idA)
		if g.Wanted {
			t.Error("Acquire: Wanted = true, want false")
		}
		b.await(t.Context(), b.b, g.Revision)
		if g = b.renew(g); g.Wanted {
			t.Error("Renew while the same process waits: Wanted = true, want false")
		}
		synctest.Wait()
		b.await(t.Context(), &backend{store: b.store}, g.Revision)
		if again := b.acquire(idA); !again.Wanted {
			t.Error("Acquire while another process waits: Wanted = false, want true")
		}
		if g = b.renew(g); !g.Wanted {
			t.Error("Renew while another process waits: Wanted = false, want true")
		}
		synctest.Wait()
		if g = b.renew(g); g.Wanted {
			t.Error("Renew when nobody waits any more: Wanted = true, want false")
		}
	})
}
