package dynamo

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// TestBreakBound breaks a lease that shares the heartbeat of its process: with that
// heartbeat, so that all that depend on it are lost, and the name is free when the
// heartbeat would have ended.
func TestBreakBound(t *testing.T) {
	t.Parallel()
	const ttl = 3 * time.Second
	for _, freeNow := range []bool{false, true} {
		t.Run(fmt.Sprintf("free now %v", freeNow), func(t *testing.T) {
			t.Parallel()
			holder := openWarm(t, func(o *Options) { o.SharedHeartbeat = true; o.DefaultTTL = ttl })
			lease, also := acquire(t, holder, t.Name()), acquire(t, holder, t.Name()+"/also")
			operator := openWarm(t)
			eventually(t, ttl, "both are bound", func() bool {
				return readDecoded(t, lease.Name()).Session != "" && readDecoded(t, also.Name()).Session != ""
			})
			info := see(t, operator)
			if info.State != locker.StateHeld || info.TTL != ttl || info.AcquisitionID != lease.ID() || info.Remaining <= 0 || info.Remaining > ttl {
				t.Errorf("Inspect(%q) = %+v, want it held for up to %v", t.Name(), info, ttl)
			}
			began := time.Now()
			operator.faults.Reset()
			var opts []locker.BreakOption
			if freeNow {
				opts = append(opts, locker.FreeNow())
			}
			breakSeen(t, operator, info, opts...)
			operator.wantCounts(t, "Break of a lease that shares a heartbeat", counts{"UpdateItem": 3})
			breakSeen(t, operator, info, opts...) // again: nothing more
			if freeNow {
				acquire(t, operator, t.Name())
			} else {
				refuse(t, operator, t.Name())
			}
			for _, l := range []*locker.Lease{lease, also} {
				<-l.Done()
				if err := l.Err(); !errors.Is(err, locker.ErrLost) {
					t.Errorf("Err(%q) = %v, want ErrLost", l.Name(), err)
				}
			}
			if d := time.Since(began); d > ttl {
				t.Errorf("the holder noticed after %v, want less than the TTL, %v", d, ttl)
			}
			for _, name := range []string{t.Name() + "/also", t.Name()}[:map[bool]int{true: 1, false: 2}[freeNow]] {
				if _, err := operator.Acquire(t.Context(), name); err != nil {
					t.Errorf("Acquire(%q) = %v, want nil", name, err)
				}
			}
			if d := time.Since(began); d > ttl+4*time.Second {
				t.Errorf("the names were had after %v, want less than the TTL, %v, and 4 s", d, ttl)
			}
		})
	}
}
