package memory_test

import (
	"errors"
	"testing"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

func TestSteal(t *testing.T) {
	worlds(t, func(t *testing.T, w world) {
		a, b := w.store.Open(), w.store.Open()
		lease := acquire(t, a)
		w.store.Steal(t.Name())
		wantHeld(t, lease) // it can't know yet
		if got := refused(t, b).Owner; got != "memory.Steal" {
			t.Errorf("owner = %q, want memory.Steal", got)
		}
		w.sleep(ttl / 3)
		wantLost(t, lease, locker.LossTaken)
		refused(t, b)
		w.sleep(ttl - ttl/3)
		next := acquire(t, b)
		if got, want := next.Token(), lease.Token()+2; got != want {
			t.Errorf("token = %v, want %v: the thief has had one", got, want)
		}
		release(t, next)
		w.store.Steal(t.Name()) // nobody holds it
		w.sleep(locker.DefaultTTL - 1)
		refused(t, b)
		w.store.Expire(t.Name())
		release(t, acquire(t, b))
		closed(t, a, b)
	})
}

func TestExpire(t *testing.T) {
	worlds(t, func(t *testing.T, w world) {
		a, b := w.store.Open(), w.store.Open()
		w.store.Expire(t.Name()) // nobody holds it
		lease := acquire(t, a)
		w.store.Expire(t.Name())
		wantHeld(t, lease)
		release(t, acquire(t, b))
		err := lease.Renew(t.Context())
		wantLost(t, lease, locker.LossGone)
		if !errors.Is(err, locker.ErrLost) {
			t.Errorf("Renew() = %v, want %v", err, locker.ErrLost)
		}

		lease = acquire(t, a)
		w.store.Expire(t.Name())
		w.sleep(ttl / 3)
		wantLost(t, lease, locker.LossExpired)

		release(t, acquire(t, a, locker.WithMinHold(ttl)))
		refused(t, b)
		w.store.Expire(t.Name())
		release(t, acquire(t, b))
		closed(t, a, b)
	})
}

func TestMinHold(t *testing.T) {
	worlds(t, func(t *testing.T, w world) {
		a, b := w.store.Open(), w.store.Open()
		lease := acquire(t, a, locker.WithMinHold(10*time.Second), locker.WithOwner("job"))
		w.sleep(time.Second)
		release(t, lease)
		if got := refused(t, b); got.Owner != "job" || got.Remaining != 9*time.Second {
			t.Errorf("holder = %+v, want job for 9s", got)
		}
		w.sleep(9 * time.Second)
		release(t, acquire(t, b))
		closed(t, a, b)
	})
}

func TestFaultsRetried(t *testing.T) {
	worlds(t, func(t *testing.T, w world) {
		l := w.store.Open()
		w.store.DropResponse(memory.OpAcquire)
		lease := acquire(t, l)
		if got := lease.Token(); got != 1 {
			t.Errorf("token = %v, want 1: both sends were one acquisition", got)
		}
		for range 2 {
			w.store.FailNext(memory.OpRenew, locker.ErrUnavailable)
			w.store.DropResponse(memory.OpRenew)
			w.store.FailNext(memory.OpRenew, errors.New("no permission"))
		}
		w.sleep(ttl)
		wantHeld(t, lease)
		w.store.DropResponse(memory.OpRelease)
		release(t, lease)
		release(t, acquire(t, l))

		refusal := errors.New("no permission")
		w.store.FailNext(memory.OpAcquire, refusal)
		if _, err := l.Acquire(t.Context(), t.Name()); !errors.Is(err, refusal) {
			t.Errorf("Acquire(%q) = %v, want %v", t.Name(), err, refusal)
		}
		lease = acquire(t, l)
		w.store.FailNext(memory.OpRelease, refusal)
		var failed *locker.ReleaseError
		if err := lease.Release(t.Context()); !errors.As(err, &failed) || !errors.Is(failed.Cause, refusal) {
			t.Errorf("Release() = %v, want a ReleaseError of %v", err, refusal)
		}
		release(t, lease)
		closed(t, l)
	})
}
