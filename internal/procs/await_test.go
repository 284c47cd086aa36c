//go:build unix

package procs

import (
	"testing"
	"time"

	"example.com/holdfast/locker"
)

// await waits until cond holds of what was reported; it is called with the
// referee's mutex held, after every report.
func (r *referee) await(t *testing.T, d time.Duration, what string, cond func() bool) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		r.mu.Lock()
		ok, changed := cond(), r.changed
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			r.mu.Lock()
			r.wrongLocked("not within %v: %s", d, what)
			r.mu.Unlock()
			r.judge(t, ttl)
			t.FailNow()
		}
	}
}

// holderLocked returns the newest lease of a name, nil if there was none.
func (r *referee) holderLocked(name string) *lease {
	var newest *lease
	for _, l := range r.leases {
		if l.Name == name && (newest == nil || l.Token > newest.Token) {
			newest = l
		}
	}
	return newest
}

// leaseLocked returns the lease of a token that was reported.
func (r *referee) leaseLocked(name string, token locker.Token) *lease {
	for _, l := range r.leases {
		if l.Name == name && l.Token == token {
			return l
		}
	}
	return &lease{}
}

// lease is leaseLocked, as it is at this moment.
func (r *referee) lease(name string, token locker.Token) lease {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.leaseLocked(name, token)
}

// wantsLocked reports whether a worker is calling Acquire.
func (r *referee) wantsLocked(worker int, name string) bool {
	w := r.workers[worker]
	if w == nil {
		return false
	}
	_, ok := w.wanting[name]
	return ok
}

// awaitGrant waits for a lease with a token above the given one, and returns it as
// it is then.
func (r *referee) awaitGrant(t *testing.T, d time.Duration, name string, above locker.Token) lease {
	t.Helper()
	var got lease
	r.await(t, d, "a grant of "+name+" above token "+above.String(), func() bool {
		l := r.holderLocked(name)
		if l == nil || l.Token <= above {
			return false
		}
		got = *l
		return true
	})
	return got
}
