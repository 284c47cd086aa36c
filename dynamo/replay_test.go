package dynamo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// keep makes the network keep a copy of the next write, and returns it as soon as
// there is one.
func (p *process) keep() func(t *testing.T) *faulthttp.Copy {
	return p.order(faulthttp.Keep)
}

// holdUp makes the network hold up the next write.
func (p *process) holdUp() func(t *testing.T) *faulthttp.Copy {
	return p.order(faulthttp.Late)
}

func (p *process) order(fault func(chan<- *faulthttp.Copy) faulthttp.Fault) func(t *testing.T) *faulthttp.Copy {
	copies := make(chan *faulthttp.Copy, 1)
	p.faults.Inject("UpdateItem", 1, fault(copies))
	return func(t *testing.T) *faulthttp.Copy {
		t.Helper()
		select {
		case c := <-copies:
			return c
		case <-time.After(20 * time.Second):
			t.Fatal("no write within 20 s")
			return nil
		}
	}
}

// wantRefused delivers a copy, which must have no effect on the item.
func wantRefused(t *testing.T, what, name string, c *faulthttp.Copy) {
	t.Helper()
	before := readItem(t, name)
	status, body := deliver(t, c)
	if status != 400 || !strings.Contains(body, "ConditionalCheckFailedException") {
		t.Errorf("%s is answered with %d, %s, want a condition that failed", what, status, body)
	}
	if after := readItem(t, name); !reflect.DeepEqual(after, before) {
		t.Errorf("%s changed the item of %q from %v to %v", what, name, before, after)
	}
}

func deliver(t *testing.T, c *faulthttp.Copy) (status int, body string) {
	t.Helper()
	resp, err := c.Deliver(t.Context())
	if err != nil {
		t.Fatalf("Deliver = %v, want nil", err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestRenewDuplicate shows that a copy of a renewal that arrives late is refused:
// at once, after a newer renewal, after the release, and after a take-over.
func TestRenewDuplicate(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	lease := acquire(t, p, t.Name(), locker.WithoutRenewal())
	kept := p.keep()
	if err := lease.SetData(t.Context(), []byte("older")); err != nil {
		t.Fatalf("SetData(%q) = %v, want nil", t.Name(), err)
	}
	renewal := kept(t)
	wantRefused(t, "a copy of the last renewal", t.Name(), renewal)
	if err := lease.SetData(t.Context(), []byte("newer")); err != nil {
		t.Fatalf("SetData(%q) = %v, want nil", t.Name(), err)
	}
	wantRefused(t, "a copy of a renewal after a newer one", t.Name(), renewal)
	wantHolder(t, lease)
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	wantRefused(t, "a copy of a renewal after the release", t.Name(), renewal)
	second := acquire(t, openWarm(t), t.Name())
	wantRefused(t, "a copy of a renewal after a take-over", t.Name(), renewal)
	wantHolder(t, second)
	deleteItem(t, t.Name())
	wantRefused(t, "a copy of a renewal of an item that is gone", t.Name(), renewal)
}

// TestRenewLate shows that a renewal that was held up is refused once a later one
// or the release has arrived, and does no harm where it has not.
func TestRenewLate(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	lease := acquire(t, p, t.Name(), locker.WithoutRenewal())
	late := p.holdUp()
	if err := lease.Renew(t.Context()); err != nil { // by its second send
		t.Fatalf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	first := late(t)
	wantRefused(t, "the send of a renewal that a later one overtook", t.Name(), first)
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	wantRefused(t, "the send of a renewal that the release overtook", t.Name(), first)
}

// TestReleaseDuplicate shows that a copy of a release changes nothing, and does
// not end the lease of a later holder.
func TestReleaseDuplicate(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	lease := acquire(t, p, t.Name())
	kept := p.keep()
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	release := kept(t)
	wantRefused(t, "a copy of the release", t.Name(), release)
	second := acquire(t, p, t.Name())
	wantRefused(t, "a copy of the release after the next acquire", t.Name(), release)
	wantHolder(t, second)
}

// TestAcquireDuplicate shows that a copy of an acquire that arrives late gets
// nobody a lock: while it is held, after the release, and after a later holder.
func TestAcquireDuplicate(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	kept := p.keep()
	lease := acquire(t, p, t.Name())
	first := kept(t)
	wantRefused(t, "a copy of the acquire", t.Name(), first)
	wantHolder(t, lease)
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	wantRefused(t, "a copy of the acquire after the release", t.Name(), first)
	other := openWarm(t)
	second := acquire(t, other, t.Name())
	wantRefused(t, "a copy of the acquire while another holds the lock", t.Name(), first)
	wantHolder(t, second)
	if err := second.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	wantRefused(t, "a copy of the acquire after another's release", t.Name(), first)
}

// TestTakeOverDuplicate shows that a copy of a take-over is refused once the
// record is another.
func TestTakeOverDuplicate(t *testing.T) {
	t.Parallel()
	writeItem(t, t.Name(), attributes{"guid": text("0123456789abcdefghijklmnop/0000000007"), "expiresOn": number("1000")})
	p := open(t)
	kept := p.keep()
	lease := acquire(t, p, t.Name())
	first := kept(t)
	wantRefused(t, "a copy of the take-over", t.Name(), first)
	wantHolder(t, lease)
	if err := lease.Release(t.Context()); err != nil {
		t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
	}
	wantRefused(t, "a copy of the take-over after the release", t.Name(), first)
}

// TestAcquireLate shows the one case in which a late write takes the lock for
// nobody: it arrives after its caller has gone and its release has found nothing.
// The name is free again within the TTL, for the process itself at once, and
// nobody believes that he holds it meanwhile.
func TestAcquireLate(t *testing.T) {
	t.Parallel()
	const ttl = 4 * time.Second
	for _, own := range []bool{false, true} {
		t.Run(fmt.Sprintf("own process %v", own), func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			late := p.holdUp()
			p.faults.Inject("UpdateItem", 1, faulthttp.Hang())
			ctx, cancel := context.WithCancel(t.Context())
			gone := make(chan error)
			go func() {
				_, err := p.Acquire(ctx, t.Name(), locker.WithTTL(ttl))
				gone <- err
			}()
			first := late(t)
			eventually(t, 20*time.Second, "the second send", func() bool { return p.faults.Counts()["UpdateItem"] >= 2 })
			cancel()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Fatalf("Acquire(%q) = %v, want %v", t.Name(), err, context.Canceled)
			}
			eventually(t, 20*time.Second, "the release of the abandoned attempt", func() bool { return releases(p) == 1 })
			idle(t, p)
			if status, body := deliver(t, first); status != 200 {
				t.Fatalf("the late acquire is answered with %d, %s, want 200: nobody has the name", status, body)
			}
			arrived := time.Now()
			if own {
				acquire(t, p, t.Name())
				if d := time.Since(arrived); d > prompt {
					t.Errorf("TryAcquire(%q) by the process itself took %v, want less than %v", t.Name(), d, prompt)
				}
				return
			}
			other := openWarm(t)
			refuse(t, other, t.Name())
			if _, err := other.Acquire(t.Context(), t.Name()); err != nil {
				t.Errorf("Acquire(%q) = %v, want nil", t.Name(), err)
			}
			if d := time.Since(arrived); d > ttl+2*time.Second {
				t.Errorf("Acquire(%q) took until %v after the late write, want at most TTL + 2 s", t.Name(), d)
			}
		})
	}
}

// releases counts the releases that a process has sent.
func releases(p *process) int {
	n := 0
	for _, r := range p.faults.Records() {
		if strings.Contains(string(r.Body), fmt.Sprintf("/%d", deadSequence)) && !r.Answered.IsZero() {
			n++
		}
	}
	return n
}

// idle waits until a process has no request under way.
func idle(t *testing.T, p *process) {
	t.Helper()
	eventually(t, 20*time.Second, "no request under way", func() bool {
		for _, r := range p.faults.Records() {
			if r.Answered.IsZero() {
				return false
			}
		}
		return true
	})
}
