package locker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// gathered is the end of a call of AcquireAll.
type gathered struct {
	group *locker.Group
	err   error
}

// gather calls AcquireAll in a goroutine, which has got as far as it can when gather
// returns.
func gather(t *testing.T, l locker.Locker, names []string, opts ...locker.Option) <-chan gathered {
	t.Helper()
	got := make(chan gathered, 1)
	go func() {
		group, err := locker.AcquireAll(t.Context(), l, names, opts...)
		got <- gathered{group, err}
	}()
	synctest.Wait()
	return got
}

// acquireAll is AcquireAll that has to work.
func acquireAll(t *testing.T, l locker.Locker, names []string, opts ...locker.Option) *locker.Group {
	t.Helper()
	group, err := locker.AcquireAll(t.Context(), l, names, opts...)
	if err != nil {
		t.Fatalf("AcquireAll(%q) = %v", names, err)
	}
	return group
}

// namesOf returns the names of the leases.
func namesOf(group *locker.Group) (names []string) {
	for lease := range group.All() {
		names = append(names, lease.Name())
	}
	return names
}

// requested returns the names of the calls of op.
func (s *store) requested(op string) (names []string) {
	for _, c := range s.asked(op) {
		names = append(names, c.name)
	}
	return names
}

// acquired returns how many requests to acquire this name alone there were.
func (s *store) acquired(name string) (n int) {
	for _, asked := range s.requested("acquire") {
		if asked == name {
			n++
		}
	}
	return n
}

// onBoth runs a test on a client whose store acquires one name a request, and on
// one whose store can do more.
func onBoth(t *testing.T, f func(t *testing.T, s *store, c *locker.Client)) {
	t.Helper()
	t.Run("one by one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := new(store)
			f(t, s, newClient(t, s))
		})
	})
	t.Run("at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newGathers(100)
			f(t, s.store, newClient(t, s))
		})
	})
}

func TestAcquireAllOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, many := new(store), newGathers(2)
		group := acquireAll(t, newClient(t, s), []string{"b", "a", "B", "b", "é"})
		want := []string{"B", "a", "b", "é"}
		if got := namesOf(group); !slices.Equal(got, want) || !slices.Equal(s.requested("acquire"), want) {
			t.Errorf("leases of %q by requests for %q, want %q", got, s.requested("acquire"), want)
		}
		group = acquireAll(t, newClient(t, many), []string{"b", "a", "B", "b", "é", "z"})
		if got, want := many.requested("group"), []string{"B a", "b z"}; !slices.Equal(got, want) || !slices.Equal(many.requested("acquire"), []string{"é"}) {
			t.Errorf("requests for %q, want %q and é", got, want)
		}
		if got, want := namesOf(group), []string{"B", "a", "b", "z", "é"}; !slices.Equal(got, want) {
			t.Errorf("leases of %q, want %q", got, want)
		}
	})
}

// TestAcquireAllWrapped goes through what wraps a Locker: where that is known the
// names are still acquired by one request.
func TestAcquireAllWrapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newGathers(100)
		c := newClient(t, s)
		l := locker.Prefix(locker.Chain(c, locker.Defaults(locker.WithTTL(time.Minute), locker.WithOwner("me"))), "x/")
		group := acquireAll(t, l, []string{"b", "a"})
		if got := s.requested("group"); !slices.Equal(got, []string{"x/a x/b"}) || len(s.asked("acquire")) > 0 {
			t.Errorf("requests for %q and %q, want one for x/a and x/b", got, s.requested("acquire"))
		}
		if left := group.Remaining(); left < 50*time.Second {
			t.Errorf("Remaining() = %v, want about a minute", left)
		}
		want(t, "Release", group.Release(t.Context()))
		var seen []string
		log := func(next locker.Locker) locker.Locker {
			return locker.LockerFunc(func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
				seen = append(seen, name)
				return next.Acquire(ctx, name, opts...)
			})
		}
		want(t, "Release", acquireAll(t, locker.Chain(c, log), []string{"b", "a"}).Release(t.Context()))
		if !slices.Equal(seen, []string{"a", "b"}) {
			t.Errorf("middleware saw %q, want each name", seen)
		}
		_, err := locker.AcquireAll(t.Context(), l, []string{"a", ""})
		want(t, "AcquireAll with an empty name", err, locker.ErrInvalid)
		_, err = locker.AcquireAll(t.Context(), locker.Chain(c, log), nil)
		want(t, "AcquireAll of no names", err, locker.ErrInvalid)
	})
}

// TestAcquireAllUnsupported falls back for good where the store says that it can't.
func TestAcquireAllUnsupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newGathers(100)
		s.group = func(context.Context, []locker.Attempt) ([]locker.Grant, error) {
			return nil, fmt.Errorf("test: %w", errors.ErrUnsupported)
		}
		c := newClient(t, s)
		for range 2 {
			want(t, "Release", acquireAll(t, c, []string{"a", "b"}).Release(t.Context()))
		}
		if groups, acquires := len(s.asked("group")), len(s.asked("acquire")); groups != 1 || acquires != 4 {
			t.Errorf("%d group requests and %d others, want 1 and 4", groups, acquires)
		}
	})
}

// TestAcquireAllKeeps renews what is held while others are waited for, whatever the
// options say; holds count from when all are held.
func TestAcquireAllKeeps(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store, c *locker.Client) {
		const ttl = 10 * time.Second
		foreign := s.foreign("b", time.Hour)
		renewed := make(chan struct{})
		go func() {
			defer close(renewed)
			for range 20 {
				time.Sleep(3 * time.Second)
				foreign, _ = s.doRenew(foreign, locker.Renewal{TTL: time.Hour})
			}
			want(t, "Release of the other", s.doRelease(foreign, 0))
		}()
		group := acquireAll(t, c, []string{"a", "b"}, locker.WithTTL(ttl), locker.WithoutRenewal(), locker.WithMinHold(5*time.Second))
		<-renewed
		if n := s.acquired("a"); n > 1 {
			t.Errorf("a was acquired %d times, want it kept while b was waited for", n)
		}
		wantHalf(t, group, ttl)
		begun, sent := time.Now(), len(s.asked("renew"))
		time.Sleep(2 * time.Second)
		want(t, "Release", group.Release(t.Context()))
		for _, name := range []string{"a", "b"} {
			if got := s.records[name].until.Sub(begun); got != 5*time.Second {
				t.Errorf("%q stays taken for %v, want 5s from when all were held", name, got)
			}
		}
		if n := len(s.asked("renew")); n != sent {
			t.Errorf("%d renewals without renewal, want none", n-sent)
		}
	})
}

// TestAcquireAllMaxHold ends what is renewed at the maximum hold, counted from when all
// are held.
func TestAcquireAllMaxHold(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store, c *locker.Client) {
		foreign := s.foreign("b", time.Hour)
		time.AfterFunc(time.Minute, func() { want(t, "Release of the other", s.doRelease(foreign, 0)) })
		group := acquireAll(t, c, []string{"a", "b"}, locker.WithTTL(10*time.Second), locker.WithMaxHold(20*time.Second))
		begun := time.Now()
		<-group.Done()
		if held := time.Since(begun); held < 20*time.Second || held > 31*time.Second {
			t.Errorf("the group was held for %v, want 20s to 30s", held)
		}
		wantLost(t, "Err", group.Err(), locker.LossMaxHold)
	})
}

// TestAcquireAllGivesBack holds nothing after a refusal, whatever the minimum hold.
func TestAcquireAllGivesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store, c *locker.Client) {
		s.foreign("c", time.Hour)
		_, err := locker.AcquireAll(t.Context(), c, []string{"a", "b", "c"}, locker.WithMinHold(time.Second), locker.WithWait(time.Minute))
		want(t, "AcquireAll", err, locker.ErrHeld)
		for _, name := range []string{"a", "b"} {
			if info := s.info(name); info.State != locker.StateFree {
				t.Errorf("%q is %v, want it free", name, info.State)
			}
		}
	})
}

// TestAcquireAllWait is over when the whole call has waited for so long.
func TestAcquireAllWait(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store, c *locker.Client) {
		foreign := s.foreign("a", time.Hour)
		s.foreign("b", time.Hour)
		time.AfterFunc(40*time.Second, func() { want(t, "Release of the other", s.doRelease(foreign, 0)) })
		begun := time.Now()
		_, err := locker.AcquireAll(t.Context(), c, []string{"a", "b"}, locker.WithWait(time.Minute))
		want(t, "AcquireAll", err, locker.ErrHeld)
		if waited := time.Since(begun); waited < time.Minute || waited > 62*time.Second {
			t.Errorf("it has waited for %v, want a minute", waited)
		}
		var held *locker.HeldError
		if errors.As(err, &held); held == nil || held.Name != "b" {
			t.Errorf("AcquireAll = %v, want a HeldError of b", err)
		}
	})
}

// TestAcquireAllLooks polls the name that is held, and none of the others.
func TestAcquireAllLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newGathers(100)
		c := newClient(t, s)
		foreign := s.foreign("b", time.Hour)
		time.AfterFunc(time.Minute, func() { want(t, "Release of the other", s.doRelease(foreign, 0)) })
		acquireAll(t, c, []string{"a", "b", "c"})
		looks := s.requested("poll")
		if len(looks) == 0 || slices.ContainsFunc(looks, func(name string) bool { return name != "b" }) {
			t.Errorf("it has looked at %q, want b alone", looks)
		}
		if n := len(s.asked("group")); n != 2 {
			t.Errorf("%d requests to acquire, want one that was refused and one that was granted", n)
		}
	})
}

// TestAcquireAllNested lets a call wait whose names are taken one by one meanwhile,
// in their order, by others of the same client: these are not held up by it.
func TestAcquireAllNested(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store, c *locker.Client) {
		a := acquire(t, c, "a")
		got := gather(t, c, []string{"a", "b", "c"})
		b := acquire(t, c, "b", locker.WithWait(time.Minute))
		time.Sleep(time.Minute)
		want(t, "Release of a", a.Release(t.Context()))
		synctest.Wait()
		select {
		case r := <-got:
			t.Fatalf("AcquireAll = %v, %v while b is held", r.group, r.err)
		default:
		}
		acquire(t, c, "c", locker.WithWait(time.Minute)).Release(t.Context())
		want(t, "Release of b", b.Release(t.Context()))
		if r := <-got; r.err != nil {
			t.Errorf("AcquireAll = %v", r.err)
		}
	})
}

// TestAcquireAllStolenTurn lets somebody who does not queue take the first name again,
// when a call has its turn for both, and then queue for the second.
func TestAcquireAllStolenTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newGathers(100)
		c := newClient(t, s)
		var a *locker.Lease
		second := make(chan error, 1)
		s.group = func(_ context.Context, all []locker.Attempt) ([]locker.Grant, error) {
			if a == nil { // the call stands in both lines
				a, _ = locker.TryAcquire(t.Context(), c, "a")
				go func() {
					b, err := c.Acquire(t.Context(), "b", locker.WithWait(time.Hour))
					if err == nil {
						err = errors.Join(b.Release(t.Context()), a.Release(t.Context()))
					}
					second <- err
				}()
			}
			return s.doGroup(all)
		}
		got := gather(t, c, []string{"a", "b"})
		want(t, "Acquire of b behind the call", <-second)
		if r := <-got; r.err != nil {
			t.Errorf("AcquireAll = %v", r.err)
		}
	})
}

// TestAcquireAllOwn waits for the client's own leases, without a request.
func TestAcquireAllOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newGathers(100)
		c := newClient(t, s)
		first := acquireAll(t, c, []string{"a", "b"})
		got := gather(t, c, []string{"b", "a", "c"})
		if _, err := locker.AcquireAll(t.Context(), c, []string{"b", "c"}, locker.NoWait()); !errors.Is(err, locker.ErrHeld) {
			t.Errorf("AcquireAll = %v, want an error that is ErrHeld", err)
		}
		time.Sleep(time.Minute)
		want(t, "Release", first.Release(t.Context()))
		if r := <-got; r.err != nil {
			t.Fatalf("AcquireAll = %v", r.err)
		}
		if releases, groups := len(s.asked("release")), len(s.asked("group")); releases != 2 || groups != 2 || len(s.asked("poll")) > 0 {
			t.Errorf("%d releases, %d requests to acquire and %d looks, want 2, 2 and none", releases, groups, len(s.asked("poll")))
		}
	})
}

// TestAcquireAllNoSpare gives a name that a group waits for back to the store: an
// acquisition of one name is of no use to it.
func TestAcquireAllNoSpare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newGathers(100)
		c := newClient(t, s)
		a := acquire(t, c, "a")
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := c.Acquire(ctx, "a") // stands before the group, and gives up when it may have been handed a
			failed <- err
		}()
		synctest.Wait()
		got := gather(t, c, []string{"a", "b"})
		cancel()
		want(t, "Release of a", a.Release(t.Context()))
		want(t, "Acquire with a cancelled ctx", <-failed, context.Canceled)
		r := <-got
		if r.err != nil {
			t.Fatalf("AcquireAll = %v", r.err)
		}
		synctest.Wait()
		if releases, groups := len(s.asked("release")), len(s.asked("group")); releases != 1 || groups > 2 {
			t.Errorf("%d releases and %d requests to acquire, want 1 and, as the release may be overtaken, at most 2", releases, groups)
		}
		want(t, "Release", r.group.Release(t.Context()))
	})
}
