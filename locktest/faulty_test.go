package locktest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/locktest"
)

// recorded is a backend that remembers what it was asked, and grants everything.
type recorded struct{ log []string }

func (r *recorded) Acquire(_ context.Context, a locker.Attempt) (locker.Grant, error) {
	r.log = append(r.log, "acquire "+a.Name)
	return locker.Grant{Name: a.Name, ID: a.ID, Token: 1, TTL: a.TTL, Revision: "1"}, nil
}

func (r *recorded) Renew(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) {
	r.log = append(r.log, "renew "+g.Name+" "+g.Revision)
	g.Revision += "+"
	return g, nil
}

func (r *recorded) Release(_ context.Context, g locker.Grant, hold time.Duration) error {
	r.log = append(r.log, fmt.Sprintf("release %s %v", g.Name, hold))
	return nil
}

type poller struct{ locker.Backend }

func (poller) Poll(_ context.Context, name string) (locker.Info, error) {
	return locker.Info{Name: name, Owner: "polled"}, nil
}

type notifier struct{ locker.Backend }

func (notifier) Await(context.Context, string, string) error { return nil }

type both struct {
	poller
	notifier
}

func (both) Acquire(context.Context, locker.Attempt) (locker.Grant, error) {
	return locker.Grant{}, nil
}

func (both) Renew(_ context.Context, g locker.Grant, _ locker.Renewal) (locker.Grant, error) {
	return g, nil
}
func (both) Release(context.Context, locker.Grant, time.Duration) error { return nil }

func (both) Inspect(_ context.Context, name string) (locker.Info, error) {
	return locker.Info{Name: name, Owner: "inspected"}, nil
}

func TestFaultyInterfaces(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, test := range []struct {
		inner                        locker.Backend
		polls, notifies, canInspects bool
	}{
		{&recorded{}, false, false, false},
		{poller{&recorded{}}, true, false, false},
		{notifier{&recorded{}}, false, true, false},
		{both{}, true, true, true},
	} {
		f := locktest.NewFaulty(test.inner)
		b := f.Backend()
		p, polls := b.(locker.Poller)
		n, notifies := b.(locker.Notifier)
		if polls != test.polls || notifies != test.notifies {
			t.Errorf("%T: Poller %t, Notifier %t, want %t, %t", test.inner, polls, notifies, test.polls, test.notifies)
		}
		if polls {
			if info, err := p.Poll(ctx, "name"); err != nil || info.Owner != "polled" {
				t.Errorf("Poll = %+v, %v, want the backend's answer", info, err)
			}
		}
		if notifies {
			if err := n.Await(ctx, "name", ""); err != nil {
				t.Errorf("Await = %v, want nil", err)
			}
		}
		info, err := b.(locker.Inspector).Inspect(ctx, "name")
		if test.canInspects && (err != nil || info.Owner != "inspected") {
			t.Errorf("Inspect = %+v, %v, want the backend's answer", info, err)
		}
		if !test.canInspects && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Inspect = %v, want %v", err, errors.ErrUnsupported)
		}
		f.InjectAll(locktest.Drop())
		if polls {
			if _, err := p.Poll(ctx, "name"); !errors.Is(err, locker.ErrUnavailable) {
				t.Errorf("Poll that is dropped = %v, want %v", err, locker.ErrUnavailable)
			}
		}
		if notifies {
			if err := n.Await(ctx, "name", ""); !errors.Is(err, locker.ErrUnavailable) {
				t.Errorf("Await that is dropped = %v, want %v", err, locker.ErrUnavailable)
			}
		}
	}
}

// TestFaultyOrders checks who gets which fault, and what is counted.
func TestFaultyOrders(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	inner := &recorded{}
	f := locktest.NewFaulty(inner)
	b := f.Backend()
	failure := errors.New("failure")
	f.Inject(locktest.OpRelease, 2, locktest.Fail(failure))
	f.Inject(locktest.OpRelease, 0, locktest.Drop())
	f.Inject(locktest.OpRelease, 1, nil)
	f.Inject(locktest.OpRelease, -1, locktest.Lose())
	var got []string
	for i := range 6 {
		if i == 5 {
			f.Clear()
		}
		err := b.Release(ctx, locker.Grant{Name: fmt.Sprint(i)}, time.Second)
		switch {
		case err == nil:
			got = append(got, "nil")
		case errors.Is(err, failure):
			got = append(got, "failure")
		case errors.Is(err, locker.ErrUnavailable):
			got = append(got, "unavailable")
		}
	}
	if want := []string{"failure", "failure", "nil", "unavailable", "unavailable", "nil"}; !slices.Equal(got, want) {
		t.Errorf("answers: %q, want %q", got, want)
	}
	if want := []string{"release 2 1s", "release 3 1s", "release 4 1s", "release 5 1s"}; !slices.Equal(inner.log, want) {
		t.Errorf("requests: %q, want %q", inner.log, want)
	}
	if calls, sent := f.Calls(locktest.OpRelease), f.Sent(locktest.OpRelease); calls != 6 || sent != 4 {
		t.Errorf("%d calls, %d sent, want 6 and 4", calls, sent)
	}
	if calls := f.Calls(locktest.OpAcquire); calls != 0 {
		t.Errorf("%d calls of another operation, want 0", calls)
	}
}

// TestFaultyGrants checks what the caller is told beside an error.
func TestFaultyGrants(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := locktest.NewFaulty(&recorded{})
	b := f.Backend()
	f.Inject(locktest.OpAcquire, 1, locktest.Lose())
	if g, err := b.Acquire(ctx, locker.Attempt{Name: "name", ID: "id"}); g != (locker.Grant{}) || !errors.Is(err, locker.ErrUnavailable) {
		t.Errorf("Acquire whose answer is lost = %+v, %v, want no grant and %v", g, err, locker.ErrUnavailable)
	}
	g, err := b.Acquire(ctx, locker.Attempt{Name: "name", ID: "id"})
	if err != nil || g.Revision != "1" {
		t.Fatalf("Acquire = %+v, %v, want the backend's answer", g, err)
	}
	f.Inject(locktest.OpRenew, 1, locktest.Drop())
	f.Inject(locktest.OpRenew, 1, locktest.Lose())
	for _, want := range []string{"1", "1+"} {
		next, err := b.Renew(ctx, g, locker.Renewal{})
		if next.Revision != want || !errors.Is(err, locker.ErrUnavailable) {
			t.Errorf("Renew = revision %q, %v, want %q and %v", next.Revision, err, want, locker.ErrUnavailable)
		}
	}
}

// TestFaultyCopies sends copies of requests.
func TestFaultyCopies(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	inner := &recorded{}
	f := locktest.NewFaulty(inner)
	b := f.Backend()
	again, late := make(chan func() error, 1), make(chan func() error, 1)
	f.Inject(locktest.OpRenew, 2, locktest.Repeat(again)) // no room for the second
	f.Inject(locktest.OpRenew, 1, locktest.Late(late))
	for i, wantErr := range []bool{false, false, true} {
		_, err := b.Renew(ctx, locker.Grant{Name: fmt.Sprint(i)}, locker.Renewal{})
		if (err != nil) != wantErr {
			t.Errorf("Renew %d = %v, want an error: %t", i, err, wantErr)
		}
	}
	cancel()
	for _, send := range []func() error{<-again, <-late} {
		if err := send(); err != nil {
			t.Errorf("the copy = %v, want no error", err)
		}
	}
	if want := []string{"renew 0 ", "renew 1 ", "renew 0 ", "renew 2 "}; !slices.Equal(inner.log, want) {
		t.Errorf("requests: %q, want %q", inner.log, want)
	}
}

// TestFaultyTime checks the faults that take their time.
func TestFaultyTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := &recorded{}
		f := locktest.NewFaulty(inner)
		b := f.Backend()
		until := make(chan struct{})
		f.Inject(locktest.OpRelease, 2, locktest.Stall(until))
		f.Inject(locktest.OpRelease, 2, locktest.Delay(locker.SystemClock(), time.Second))
		time.AfterFunc(time.Second, func() { close(until) })
		for i, want := range []struct {
			took time.Duration
			err  error
			sent int
		}{
			{time.Second / 2, locker.ErrUnavailable, 0},
			{time.Second / 2, nil, 1},
			{time.Second / 2, locker.ErrUnavailable, 2},
			{time.Second, nil, 3},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			if want.err != nil {
				time.AfterFunc(time.Second/2, cancel)
			}
			start := time.Now()
			err := b.Release(ctx, locker.Grant{}, 0)
			if took := time.Since(start); took != want.took || !errors.Is(err, want.err) {
				t.Errorf("call %d = %v after %v, want %v after %v", i, err, took, want.err, want.took)
			}
			if len(inner.log) != want.sent {
				t.Errorf("call %d: %d requests were sent so far, want %d", i, len(inner.log), want.sent)
			}
			cancel()
		}
	})
}

func TestOpString(t *testing.T) {
	t.Parallel()
	if got := locktest.OpAwait.String(); got != "await" {
		t.Errorf("OpAwait.String() = %q, want %q", got, "await")
	}
	if got := locktest.Op(0).String(); got != "Op(0)" {
		t.Errorf("Op(0).String() = %q, want %q", got, "Op(0)")
	}
}
