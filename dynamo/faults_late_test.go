package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// TestAcquireTooLate lets 1,000 acquires be answered later than a TTL. Each is
// refused and released: none becomes a lease, and no name stays taken.
func TestAcquireTooLate(t *testing.T) {
	t.Parallel()
	const n, ttl, late = 1000, MinTTL, MinTTL + 100*time.Millisecond
	p := openWarm(t)
	var mu sync.Mutex
	sent := make(map[string]bool) // names whose acquire was sent before
	var landing sync.WaitGroup    // of writes that outlive their callers
	p.faults.Always(func(c *faulthttp.Call) (*http.Response, error) {
		body := string(c.Body)
		if c.Operation != "UpdateItem" || strings.Contains(body, fmt.Sprintf("/%d", deadSequence)) {
			return c.Send()
		}
		_, name, _ := strings.Cut(body, t.Name()+"/")
		name, _, _ = strings.Cut(name, `"`)
		mu.Lock()
		again := sent[name]
		sent[name] = true
		mu.Unlock()
		switch {
		case again:
			return faulthttp.Hang()(c)
		case len(name)%3 == 0: // takes effect at once; the client hears of it, whatever it has given up
			resp, err := c.SendWith(context.WithoutCancel(c.Context()))
			time.Sleep(late)
			return resp, err
		case len(name)%3 == 1: // takes effect late
			landing.Go(func() {
				time.Sleep(late)
				if _, err := c.SendWith(context.WithoutCancel(c.Context())); err != nil {
					t.Errorf("the late acquire of %q failed: %v", name, err)
				}
			})
			return faulthttp.Hang()(c)
		}
		return faulthttp.HangAfter()(c)
	})
	names := make(chan string)
	var mutex sync.Mutex
	refused := 0
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for name := range names {
				lease, err := locker.TryAcquire(t.Context(), p, name, locker.WithTTL(ttl))
				if lease != nil || !errors.Is(err, locker.ErrUnavailable) || errors.Is(err, locker.ErrHeld) {
					t.Errorf("TryAcquire(%q) = %v, %v, want no lease, and an error that is ErrUnavailable", name, lease, err)
					continue
				}
				mutex.Lock()
				refused++
				mutex.Unlock()
			}
		})
	}
	for i := range n {
		names <- fmt.Sprintf("%s/%04d%s", t.Name(), i, strings.Repeat("x", i%3))
	}
	close(names)
	callers.Wait()
	landing.Wait()
	if refused != n {
		t.Errorf("%d of %d late acquires were refused, want all", refused, n)
	}
	if len(sent) < n*9/10 { // on a busy machine some calls are over before they send
		t.Errorf("%d names were asked for, want about %d", len(sent), n)
	}
	looks := openWarm(t)
	eventually(t, 20*time.Second, "all names to be free, a TTL and the margin after the last write", func() bool {
		listed, held := 0, 0
		for info, err := range looks.List(t.Context(), t.Name()+"/0") { // those that are asked for
			if err != nil { // List tries nothing again
				t.Logf("List = %v", err)
				return false
			}
			if listed++; info.State == locker.StateHeld {
				held++
			}
		}
		return listed >= n/2 && held == 0 // those of the last third need not have arrived
	})
}

// TestReleaseLate holds up a release, of which nobody knows what became, while
// another call of the same process waits: that one gets an acquisition of its own,
// which the release does not touch when it arrives.
func TestReleaseLate(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second
	p := openWarm(t)
	first := acquire(t, p, t.Name(), locker.WithTTL(ttl))
	late := make(chan *faulthttp.Copy, 100)
	held := faulthttp.Late(late)
	p.faults.Always(func(c *faulthttp.Call) (*http.Response, error) {
		if strings.Contains(string(c.Body), fmt.Sprintf("%s/%d", first.ID(), deadSequence)) {
			return held(c)
		}
		return c.Send()
	})
	type result struct {
		lease *locker.Lease
		err   error
	}
	got := make(chan result, 1)
	go func() {
		lease, err := p.Acquire(t.Context(), t.Name(), locker.WithTTL(20*time.Second))
		got <- result{lease, err}
	}()
	var failed *locker.ReleaseError
	if err := first.Release(t.Context()); !errors.As(err, &failed) {
		t.Errorf("Release(%q) = %v, want a *ReleaseError: nobody knows", t.Name(), err)
	}
	next := <-got
	if next.err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), next.err)
	}
	if next.lease.ID() == first.ID() || next.lease.Token() <= first.Token() {
		t.Errorf("the waiter has ID %q, token %v after %q, %v, want a new ID and a higher token", next.lease.ID(), next.lease.Token(), first.ID(), first.Token())
	}
	wantRefused(t, "the late release", t.Name(), <-late)
	wantHolder(t, next.lease)
}

// TestRenewShorterLost lets a renewal land that makes a lease shorter, and its
// answers get lost: the holder goes by the earlier end, and the next one comes
// after it.
func TestRenewShorterLost(t *testing.T) {
	t.Parallel()
	const ttl = 2 * time.Second
	p, other := openWarm(t), openWarm(t)
	lease := acquire(t, p, t.Name(), locker.WithTTL(ttl), locker.WithoutRenewal())
	if err := lease.Ensure(t.Context(), time.Hour); err != nil {
		t.Fatalf("Ensure(%q) = %v, want nil", t.Name(), err)
	}
	p.faults.Inject("UpdateItem", 1, faulthttp.Lose())
	p.faults.Inject("UpdateItem", -1, faulthttp.Drop())
	ctx, cancel := context.WithTimeout(t.Context(), ttl/4)
	defer cancel()
	if err := lease.Renew(ctx); !errors.Is(err, locker.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Renew(%q) = %v, want ErrUnavailable and ctx's error", t.Name(), err)
	}
	if left := lease.Remaining(); left > ttl {
		t.Errorf("%v remain of %q, want at most the %v that the renewal was for", left, t.Name(), ttl)
	}
	second, err := other.Acquire(t.Context(), t.Name())
	if err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
	}
	wantOver(t, lease, second)
}
