package dynamo

import (
	"context"
	"net/http"
	"testing"
	"time"

	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// spoiled are ways in which a write or its answer fails, and how often the write
// is sent in all until its outcome is known.
func spoiled() []spoiledAnswer {
	const stranger = "zzzzzzzzzzzzzzzzzzzzzzzzzz/0000000001"
	return []spoiledAnswer{
		{"request lost", faulthttp.Drop(), 2, 2},
		{"answer lost", faulthttp.Lose(), 2, 2},
		{"500 after commit", faulthttp.FailAfter(500, "InternalServerError", "it broke"), 2, 2},
		{"503 after commit", faulthttp.FailAfter(503, "ServiceUnavailable", "it broke"), 2, 2},
		{"500 without an error in it", unnamed(500), 2, 2},
		{"answer truncated", faulthttp.Truncate(20), 2, 2},
		{"answer empty", faulthttp.Truncate(0), 2, 2},
		{"answer not JSON", faulthttp.NotJSON(), 2, 2},
		{"echo of another's write", faulthttp.Echo("guid", map[string]any{"S": stranger}), 2, 1},
		{"echo of another token", faulthttp.Echo("token", map[string]any{"N": "12"}), 2, 1},
		{"echo without guid", faulthttp.Echo("guid", nil), 2, 1},
		{"echo of a damaged item", faulthttp.Echo("expiresOn", map[string]any{"S": "soon"}), 2, 1},
	}
}

type spoiledAnswer struct {
	name  string
	fault faulthttp.Fault
	// How often an acquire or a renewal is sent, and how often a release, of whose
	// answer only the status matters.
	sends, releases int
}

// unnamed is an error after commit of a server that says nothing about it.
func unnamed(status int) faulthttp.Fault {
	return func(c *faulthttp.Call) (*http.Response, error) {
		if _, err := c.Send(); err != nil {
			return nil, err
		}
		return c.Answer(status, []byte("<html>it broke</html>")), nil
	}
}

// TestAcquireSpoiled shows that an acquire is held, once and soon, whatever
// becomes of its first answer.
func TestAcquireSpoiled(t *testing.T) {
	t.Parallel()
	for _, tt := range spoiled() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			p.faults.Inject("UpdateItem", 1, tt.fault)
			lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second))
			wantSoonRepeated(t, p)
			p.wantCounts(t, "TryAcquire", counts{"UpdateItem": tt.sends})
			wantHolder(t, lease)
			if err := lease.Renew(t.Context()); err != nil {
				t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
			}
		})
	}
}

// wantSoonRepeated checks that nobody waited for long before a request was made
// again. How long the server takes is its own business.
func wantSoonRepeated(t *testing.T, p *process) {
	t.Helper()
	records := p.faults.Records()
	for i := 1; i < len(records); i++ {
		if d := records[i].Made.Sub(records[i-1].Answered); d > prompt {
			t.Errorf("request %d was made %v after the answer to the one before, want less than %v", i+1, d, prompt)
		}
	}
}

// wantHolder checks that the table names the lease's acquisition and token, and
// that others are refused.
func wantHolder(t *testing.T, lease *locker.Lease) {
	t.Helper()
	if err := lease.Err(); err != nil {
		t.Errorf("Err(%q) = %v, want nil", lease.Name(), err)
	}
	it := readDecoded(t, lease.Name())
	if _, mine := sequence(it.GUID, lease.ID()); !mine || locker.Token(it.Token) < lease.Token() || locker.Token(it.Token) >= lease.Token()+1000 {
		t.Errorf("item of %q has guid %q, token %d, want those of %q, the last of a thousand from %v", lease.Name(), it.GUID, it.Token, lease.ID(), lease.Token())
	}
	if held := refuse(t, openOn(t, theTable.use(t)), lease.Name()); held.Holder.AcquisitionID != lease.ID() {
		t.Errorf("TryAcquire(%q) names holder %q, want %q", lease.Name(), held.Holder.AcquisitionID, lease.ID())
	}
}

// TestAcquireCountsFromFirstSend shows from when the holder counts: from before
// the send that took effect, not from the one that was answered.
func TestAcquireCountsFromFirstSend(t *testing.T) {
	t.Parallel()
	const ttl, late = 20 * time.Second, 1200 * time.Millisecond
	p := openWarm(t)
	p.faults.Inject("UpdateItem", 1, func(c *faulthttp.Call) (*http.Response, error) {
		if _, err := faulthttp.Delay(late)(c); err != nil {
			return nil, err
		}
		return nil, faulthttp.ErrConnection
	})
	lease := acquire(t, p, t.Name(), locker.WithTTL(ttl), locker.WithoutRenewal())
	if got, most := lease.Remaining(), ttl-ttl/100-late; got > most {
		t.Errorf("Remaining(%q) = %v, want at most %v: the TTL, less 1 %% and what passed since the first send", t.Name(), got, most)
	}
	p.wantCounts(t, "TryAcquire", counts{"UpdateItem": 2})
}

// TestRenewSpoiled shows that a renewal of which no good answer comes is
// repeated, under a sequence of its own, and no loss.
func TestRenewSpoiled(t *testing.T) {
	t.Parallel()
	for _, tt := range spoiled() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var heard events
			p := openWarm(t, heard.observe)
			lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second), locker.WithoutRenewal())
			p.faults.Reset()
			p.faults.Inject("UpdateItem", 1, tt.fault)
			if err := lease.Renew(t.Context()); err != nil {
				t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
			}
			wantSoonRepeated(t, p)
			p.wantCounts(t, "Renew", counts{"UpdateItem": tt.sends})
			if got, want := readDecoded(t, t.Name()).GUID, revision(lease.ID(), int64(firstSequence+tt.sends)); got != want {
				t.Errorf("guid of %q = %q, want %q: no two sends are alike", t.Name(), got, want)
			}
			if failed := heard.of(locker.EventRenewFailed); len(failed) != 1 || failed[0].Err == nil {
				t.Errorf("the observer heard of failed renewals %v, want of one, with its error", failed)
			}
			if lost := heard.of(locker.EventLost); len(lost) != 0 {
				t.Errorf("the observer heard of losses %v, want none", lost)
			}
			wantHolder(t, lease)
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
			}
		})
	}
}

// TestReleaseSpoiled shows that a release of which no good answer comes is
// repeated until it is known, and succeeds.
func TestReleaseSpoiled(t *testing.T) {
	t.Parallel()
	for _, tt := range spoiled() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := openWarm(t)
			lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second))
			p.faults.Reset()
			p.faults.Inject("UpdateItem", 1, tt.fault)
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // a release works all the same
			if err := lease.Release(ctx); err != nil {
				t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
			}
			wantSoonRepeated(t, p)
			p.wantCounts(t, "Release", counts{"UpdateItem": tt.releases})
			acquire(t, open(t), t.Name())
		})
	}
}

// TestWrongChecksum shows that a wrong checksum by itself does no harm: what an
// answer says is compared with what was sent.
func TestWrongChecksum(t *testing.T) {
	t.Parallel()
	p := openWarm(t)
	p.faults.Inject("UpdateItem", 3, faulthttp.WrongChecksum())
	lease := acquire(t, p, t.Name(), locker.WithTTL(20*time.Second), locker.WithoutRenewal())
	wantHolder(t, lease)
	if err := lease.Renew(t.Context()); err != nil {
		t.Errorf("Renew(%q) = %v, want nil", t.Name(), err)
	}
	wantHolder(t, lease)
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
	}
	acquire(t, open(t), t.Name())
}
