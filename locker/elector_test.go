package locker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

// The interface of package gocron.
var _ interface {
	IsLeader(ctx context.Context) error
} = (*locker.Elector)(nil)

// campaign runs an Elector in the background, with a lead that ends with its ctx.
func campaign(t *testing.T, e *locker.Elector) (result <-chan error, resign context.CancelFunc) {
	t.Helper()
	return campaignFor(t, e, func(ctx context.Context, _ *locker.Lease) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
}

func campaignFor(t *testing.T, e *locker.Elector, lead func(context.Context, *locker.Lease) error) (result <-chan error, resign context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	results := make(chan error, 1)
	go func() { results <- e.Run(ctx, lead) }()
	synctest.Wait()
	return results, cancel
}

// wantLeads checks who of all leads.
func wantLeads(t *testing.T, leads *locker.Elector, others ...*locker.Elector) {
	t.Helper()
	synctest.Wait()
	if leads != nil {
		want(t, "IsLeader", leads.IsLeader(t.Context()))
	}
	for i, other := range others {
		want(t, fmt.Sprintf("IsLeader of other %d", i+1), other.IsLeader(t.Context()), locker.ErrNotLeader)
	}
}

// wantLeader checks whom e takes for the leader, "" for nobody.
func wantLeader(t *testing.T, e *locker.Elector, owner string) {
	t.Helper()
	var not *locker.NotLeaderError
	if err := e.IsLeader(t.Context()); !errors.As(err, &not) || not.Leader.Owner != owner {
		t.Errorf("IsLeader = %v, want a NotLeaderError that names %q", err, owner)
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// candidates returns Electors of as many processes.
func candidates(t *testing.T, store *memory.Store, opts ...locker.Option) (a, b *locker.Elector) {
	t.Helper()
	named := func(owner string) func(*memory.Options) {
		return func(o *memory.Options) { o.Owner = owner }
	}
	return locker.NewElector(store.Open(named("a")), t.Name(), opts...), locker.NewElector(store.Open(named("b")), t.Name(), opts...)
}

func TestElectorResign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := candidates(t, memory.NewStore())
		wantLeads(t, nil, a, b) // asked before Run
		wantLeader(t, a, "")
		resultA, resignA := campaign(t, a)
		resultB, resignB := campaign(t, b)
		wantLeads(t, a, b)
		wantLeader(t, b, "a")
		time.Sleep(3 * locker.DefaultTTL)
		wantLeads(t, a, b)
		resignA()
		want(t, "Run", <-resultA, context.Canceled)
		wantLeads(t, b, a)
		wantLeader(t, a, "")
		resultA, resignA = campaign(t, a) // once more
		wantLeads(t, b, a)
		time.Sleep(time.Second) // for which a leaves the name to those who have waited
		wantLeader(t, a, "b")
		resignA() // while waiting
		err := <-resultA
		want(t, "Run", err, context.Canceled, locker.ErrHeld)
		wantLeader(t, a, "")
		wantLeads(t, b, a)
		resignB()
		want(t, "Run", <-resultB, context.Canceled)
		wantLeads(t, nil, a, b)
	})
}

// Whoever leads is told of its loss in time, another leads, and the first one campaigns
// again; lead is waited for.
func TestElectorLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		a, b := candidates(t, store)
		leading, finish := 0, make(chan struct{})
		resultA, resignA := campaignFor(t, a, func(ctx context.Context, lease *locker.Lease) error {
			leading++
			if from, _ := locker.FromContext(ctx); from != lease {
				t.Errorf("FromContext = %v, want the lease", from)
			}
			<-ctx.Done()
			if leading == 1 {
				want(t, "cause of ctx", context.Cause(ctx), locker.ErrLost)
			}
			<-finish
			return errWork
		})
		_, _ = campaign(t, b)
		wantLeads(t, a, b)
		changed := a.Changed()
		store.Expire(t.Name())
		time.Sleep(locker.DefaultTTL / 3) // the renewal finds out
		wantLeads(t, b, a)
		if !isClosed(changed) {
			t.Error("Changed is open after the loss, want it closed while lead still runs")
		}
		want(t, "IsLeader while lead winds up", a.IsLeader(t.Context()), locker.ErrNotLeader, locker.ErrLost)
		time.Sleep(time.Hour)
		wantLeads(t, b, a)
		if leading != 1 {
			t.Errorf("lead was called %d times, want once until it has returned", leading)
		}
		close(finish)
		synctest.Wait()
		wantLeader(t, a, "b") // it campaigns again
		store.Expire(t.Name())
		wantLeads(t, a) // of those who wait a is the only one: b has not noticed
		time.Sleep(locker.DefaultTTL)
		wantLeads(t, a, b)
		if leading != 2 {
			t.Errorf("lead was called %d times, want 2", leading)
		}
		resignA()
		want(t, "Run", <-resultA, errWork)
	})
}

// A loss and the end of ctx, in both orders.
func TestElectorLostAndResigned(t *testing.T) {
	for _, lostFirst := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			store := memory.NewStore()
			a, _ := candidates(t, store, locker.WithTTL(time.Minute))
			finish := make(chan struct{})
			result, resign := campaignFor(t, a, func(ctx context.Context, _ *locker.Lease) error {
				<-finish
				return nil
			})
			if !lostFirst {
				resign()
			}
			store.Steal(t.Name())
			time.Sleep(time.Minute)
			if lostFirst {
				resign()
			}
			close(finish)
			wantLost(t, "Run", <-result, locker.LossTaken)
			wantLeads(t, nil, a)
		})
	}
}

func TestElectorStepsDown(t *testing.T) {
	for _, result := range []error{nil, errWork} {
		synctest.Test(t, func(t *testing.T) {
			store := memory.NewStore()
			a, b := candidates(t, store)
			_, _ = campaign(t, b)
			finish := make(chan struct{})
			resultA, _ := campaignFor(t, a, func(context.Context, *locker.Lease) error {
				<-finish
				return result
			})
			wantLeads(t, b, a)
			store.Expire(t.Name())
			wantLeads(t, a)
			close(finish)
			if err := <-resultA; err != result {
				t.Errorf("Run = %v, want %v", err, result)
			}
			wantLeads(t, nil, a)
			time.Sleep(locker.DefaultTTL)
			wantLeads(t, b, a)
		})
	}
}

func TestElectorLeadEndsBadly(t *testing.T) {
	for _, end := range []func(){func() { panic("lead") }, runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			a, b := candidates(t, memory.NewStore())
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { recover() }()
				a.Run(t.Context(), func(context.Context, *locker.Lease) error {
					end()
					return nil
				})
			}()
			<-done
			wantLeads(t, nil, a)
			_, _ = campaign(t, b)
			wantLeads(t, b, a)
			_, _ = campaign(t, a) // it may be run again
			wantLeader(t, a, "b")
		})
	}
}

func TestElectorRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := candidates(t, memory.NewStore())
		want(t, "Run without lead", a.Run(t.Context(), nil), locker.ErrInvalid)
		_, _ = campaign(t, b)
		lead := func(context.Context, *locker.Lease) error { return nil }
		_, resign := campaign(t, a)
		want(t, "Run beside Run", a.Run(t.Context(), lead), locker.ErrInvalid)
		resign()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want(t, "Run after Run", a.Run(ctx, lead), locker.ErrHeld, context.DeadlineExceeded)
	})
}

func TestElectorClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memory.New()
		e := locker.NewElector(l, t.Name())
		result, _ := campaign(t, e)
		want(t, "Close", l.Close(t.Context()))
		want(t, "Run", <-result, locker.ErrClosed)
		want(t, "Run of a closed Locker", e.Run(t.Context(), func(context.Context, *locker.Lease) error { return nil }), locker.ErrClosed)
	})
}

// Bad options and names are told before anything is sent; a store that does not
// answer, and a Locker that does not wait, are asked again.
func TestElectorErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := func(context.Context, *locker.Lease) error { return nil }
		l := memory.New()
		want(t, "Run", locker.NewElector(l, "").Run(t.Context(), lead), locker.ErrInvalid)
		want(t, "Run", locker.NewElector(l, t.Name(), locker.WithTTL(-1)).Run(t.Context(), lead), locker.ErrInvalid)
		for _, failure := range []error{&locker.HeldError{Name: t.Name()}, errDown} {
			failures := 0
			fails := locker.LockerFunc(func(ctx context.Context, name string, opts ...locker.Option) (*locker.Lease, error) {
				if failures++; failures < 100 {
					return nil, failure
				}
				return l.Acquire(ctx, name, opts...)
			})
			start := time.Now()
			want(t, "Run", locker.NewElector(fails, t.Name()).Run(t.Context(), lead))
			if d := time.Since(start); d < time.Minute || d > 100*time.Second {
				t.Errorf("led after %v, want pauses that grow up to a second", d)
			}
		}
	})
}

// WithMaxHold limits a term.
func TestElectorTerms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := candidates(t, memory.NewStore(), locker.WithTTL(time.Minute), locker.WithMaxHold(10*time.Minute))
		terms := 0
		_, resign := campaignFor(t, e, func(ctx context.Context, _ *locker.Lease) error {
			terms++
			<-ctx.Done()
			return nil
		})
		time.Sleep(time.Hour)
		resign()
		synctest.Wait()
		if terms != 6 {
			t.Errorf("%d terms of 10 to 11 minutes in an hour, want 6", terms)
		}
	})
}
