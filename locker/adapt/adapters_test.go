package adapt_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

// What other modules declare; internal/adapttest has the real ones.
type (
	unlocker   interface{ Unlock(context.Context) error }
	unlockFunc func() error
	valued     interface {
		Lock(<-chan struct{}) (<-chan struct{}, error)
		Unlock() error
		Value() (bool, string, error)
	}
)

// lost is an OnLost hook.
type lost = func(name string, err error)

// adapter is a family of interfaces, reduced to what all have.
type adapter struct {
	name string
	open func(l locker.Locker, onLost lost, opts ...locker.Option) lockFunc

	silent bool  // Unlock says nothing of a loss
	again  error // what Unlock returns when there is nothing to unlock
}

// lockFunc takes the lock called "x", and returns how to unlock it.
type lockFunc func(ctx context.Context) (unlock func(ctx context.Context) error, err error)

func adapters() []adapter {
	return []adapter{
		{name: "Keyed", open: func(l locker.Locker, onLost lost, opts ...locker.Option) lockFunc {
			a := adapt.Keyed[unlocker]{Locker: l, OnLost: onLost, Options: slices.Concat([]locker.Option{locker.WithWait(locker.Forever)}, opts)}
			return func(ctx context.Context) (func(context.Context) error, error) {
				u, err := a.Lock(ctx, "x")
				if err != nil {
					return nil, err
				}
				return u.Unlock, nil
			}
		}},
		{name: "Named", silent: true, open: func(l locker.Locker, onLost lost, opts ...locker.Option) lockFunc {
			a := &adapt.Named{Locker: l, OnLost: onLost, Options: opts}
			return func(ctx context.Context) (func(context.Context) error, error) {
				return func(ctx context.Context) error { return a.Unlock(ctx, "x") }, a.Lock(ctx, "x")
			}
		}},
		{name: "SQL", again: adapt.ErrNotLocked, open: func(l locker.Locker, onLost lost, opts ...locker.Option) lockFunc {
			a := &adapt.SQL{Locker: l, Name: "x", OnLost: onLost, Options: opts}
			db := new(sql.DB)
			return func(ctx context.Context) (func(context.Context) error, error) {
				return func(ctx context.Context) error { return a.Unlock(ctx, db) }, a.Lock(ctx, db)
			}
		}},
		{name: "SQL session", again: adapt.ErrNotLocked, open: func(l locker.Locker, onLost lost, opts ...locker.Option) lockFunc {
			a := &adapt.SQL{Locker: l, Name: "x", OnLost: onLost, Options: opts}
			return func(ctx context.Context) (func(context.Context) error, error) {
				conn := new(sql.Conn)
				return func(ctx context.Context) error { return a.SessionUnlock(ctx, conn) }, a.SessionLock(ctx, conn)
			}
		}},
		{name: "Plain", again: adapt.ErrNotLocked, open: func(l locker.Locker, onLost lost, opts ...locker.Option) lockFunc {
			a := &adapt.Plain{Locker: l, Name: "x", OnLost: onLost, Options: opts, Timeout: time.Hour}
			return func(context.Context) (func(context.Context) error, error) {
				return func(context.Context) error { return a.Unlock() }, a.Lock()
			}
		}},
		{name: "Timed", open: func(l locker.Locker, onLost lost, opts ...locker.Option) lockFunc {
			a := adapt.Timed[unlockFunc]{Locker: l, OnLost: onLost, Options: opts}
			return func(ctx context.Context) (func(context.Context) error, error) {
				u, err := a.Lock(ctx, "x", -1)
				return func(context.Context) error { return u() }, err
			}
		}},
		{name: "HA", silent: true, open: func(l locker.Locker, onLost lost, opts ...locker.Option) lockFunc {
			a := adapt.HA[valued]{Locker: l, OnLost: onLost, Options: opts}
			return func(ctx context.Context) (func(context.Context) error, error) {
				lock, err := a.LockWith("x", "value")
				if err != nil {
					return nil, err
				}
				over, err := lock.Lock(ctx.Done())
				if err == nil && over == nil {
					err = ctx.Err()
				}
				return func(context.Context) error { return lock.Unlock() }, err
			}
		}},
	}
}

// each runs f for every adapter, in a bubble.
func each(t *testing.T, f func(t *testing.T, a adapter, store *memory.Store)) {
	for _, a := range adapters() {
		t.Run(a.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, a, memory.NewStore()) })
		})
	}
}

// told collects what an OnLost hook is told.
type told struct {
	t     *testing.T
	names []string
	errs  []error
	calls chan struct{}
}

func newTold(t *testing.T) *told { return &told{t: t, calls: make(chan struct{}, 100)} }

func (r *told) hook(name string, err error) {
	r.names, r.errs = append(r.names, name), append(r.errs, err)
	r.calls <- struct{}{}
}

// want checks that the hook was called once for a lock called "x" with one that is
// err, or for a nil err not at all.
func (r *told) want(err error) {
	r.t.Helper()
	synctest.Wait()
	switch {
	case err == nil && len(r.calls) > 0:
		r.t.Errorf("OnLost(%q, %v), want no call", r.names, r.errs)
	case err != nil && (len(r.calls) != 1 || r.names[0] != "x" || !errors.Is(r.errs[0], err)):
		r.t.Errorf("%d calls of OnLost(%q, %v), want one with x, %v", len(r.calls), r.names, r.errs, err)
	}
}

// mustLock takes the lock.
func mustLock(t *testing.T, lock lockFunc) (unlock func(ctx context.Context) error) {
	t.Helper()
	unlock, err := lock(t.Context())
	if err != nil {
		t.Fatalf("Lock = %v, want nil", err)
	}
	return unlock
}

// wantState checks what the store says of the lock called "x".
func wantState(t *testing.T, store *memory.Store, want locker.State) {
	t.Helper()
	info, err := store.Open().Inspect(t.Context(), "x")
	if err != nil || info.State != want {
		t.Errorf("Inspect = %v by %q, %v; want %v, nil", info.State, info.Owner, err, want)
	}
}
