package memory

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"example.com/holdfast/locker"
)

func TestFailNext(t *testing.T) {
	b := newBench(t)
	g := b.acquire(idA)
	before := b.inspect()
	fault := errors.New("fault")
	calls := map[Op]func() error{
		OpAcquire: func() error { _, err := b.b.Acquire(t.Context(), b.attempt(idA)); return err },
		OpRenew:   func() error { _, err := b.b.Renew(t.Context(), g, locker.Renewal{TTL: ttl}); return err },
		OpRelease: func() error { return b.b.Release(t.Context(), g, 0) },
		OpInspect: func() error { _, err := b.b.Inspect(t.Context(), b.name); return err },
		OpPoll:    func() error { _, err := b.b.Poll(t.Context(), b.name); return err },
	}
	for op := range calls {
		b.store.FailNext(op, fault)
	}
	for op, call := range calls {
		if err := call(); err != fault {
			t.Errorf("%v = %v, want the error that was ordered, as it is", op, err)
		}
	}
	b.wantInfo(b.inspect(), before)
	for _, op := range []Op{OpPoll, OpInspect, OpAcquire, OpRenew} {
		if err := calls[op](); err != nil {
			t.Errorf("%v after its fault = %v, want nil", op, err)
		}
	}
	b.release(g, 0)
}

// The grant beside a failed renewal is for the next try: that must not be taken
// for the one that failed.
func TestFailNextRenewal(t *testing.T) {
	for _, order := range []func(*Store){
		func(s *Store) { s.FailNext(OpRenew, locker.ErrUnavailable) },
		func(s *Store) { s.DropResponse(OpRenew) },
	} {
		b := newBench(t)
		g := b.acquire(idA)
		order(b.store)
		next, err := b.b.Renew(t.Context(), g, locker.Renewal{TTL: ttl})
		if want := idA + "/0000000002"; !errors.Is(err, locker.ErrUnavailable) || next.Revision != want {
			t.Errorf("Renew(%q) = %q, %v, want %q, %v", g.Revision, next.Revision, err, want, locker.ErrUnavailable)
		}
		if next = b.renew(next); next.Revision != idA+"/0000000003" {
			t.Errorf("Renew after it = %q, want the third revision", next.Revision)
		}
	}
}

func TestDropResponse(t *testing.T) {
	b := newBench(t)
	b.store.DropResponse(OpAcquire)
	g, err := b.b.Acquire(t.Context(), b.attempt(idA))
	if !errors.Is(err, locker.ErrUnavailable) || !reflect.DeepEqual(g, locker.Grant{}) || b.inspect().AcquisitionID != idA {
		t.Errorf("Acquire(%q) = %+v, %v, want a grant that nobody hears of", idA, g, err)
	}
	b.store.DropResponse(OpAcquire)
	if _, err := b.b.Acquire(t.Context(), b.attempt(idB)); !errors.Is(err, locker.ErrUnavailable) || errors.Is(err, locker.ErrHeld) {
		t.Errorf("Acquire(%q) = %v, want a refusal that nobody hears of", idB, err)
	}
	b.store.DropResponse(OpRelease)
	if err := b.b.Release(t.Context(), b.acquire(idA), 0); !errors.Is(err, locker.ErrUnavailable) || b.inspect().State != locker.StateFree {
		t.Errorf("Release(%q) = %v, want a release that nobody hears of", idA, err)
	}
	b.store.DropResponse(OpInspect)
	if info, err := b.b.Inspect(t.Context(), b.name); !errors.Is(err, locker.ErrUnavailable) || !reflect.DeepEqual(info, locker.Info{}) {
		t.Errorf("Inspect(%q) = %+v, %v, want nothing and %v", b.name, info, err, locker.ErrUnavailable)
	}
}

func TestFaultsInTurn(t *testing.T) {
	b := newBench(t)
	first, last := errors.New("first"), errors.New("last")
	b.store.FailNext(OpPoll, first)
	b.store.FailNext(OpPoll, nil)
	b.store.DropResponse(OpPoll)
	b.store.FailNext(OpPoll, last)
	for i, want := range []error{first, nil, locker.ErrUnavailable, last, nil} {
		if _, err := b.b.Poll(t.Context(), b.name); !errors.Is(err, want) {
			t.Errorf("call %d of Poll = %v, want %v", i, err, want)
		}
	}
}

func TestUnknownOp(t *testing.T) {
	for _, op := range []Op{-1, 0, OpBreak + 1} {
		func() {
			defer func() {
				if got, ok := recover().(string); !ok || !strings.Contains(got, op.String()) {
					t.Errorf("FailNext(%v) panics with %q, want the name of the operation", op, got)
				}
			}()
			NewStore().FailNext(op, nil)
		}()
	}
}

func TestOpString(t *testing.T) {
	for op, want := range map[Op]string{0: "Op(0)", OpAcquire: "acquire", OpRenew: "renew", OpPoll: "poll", OpBreak: "break", OpBreak + 1: "Op(8)", -1: "Op(-1)"} {
		if got := op.String(); got != want {
			t.Errorf("Op(%d).String() = %q, want %q", int(op), got, want)
		}
	}
}
