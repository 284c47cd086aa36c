package locker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
)

// However often and from how many goroutines a lease is released, beside a Close or
// after it: one release is sent, and all hear the same.
func TestReleaseOften(t *testing.T) {
	for what, tt := range map[string]struct {
		before func(t *testing.T, c *locker.Client, lease *locker.Lease) // the releases
		beside func(c *locker.Client)
		lost   bool
		sent   int
	}{
		"held":  {sent: 1},
		"twice": {before: func(t *testing.T, _ *locker.Client, l *locker.Lease) { want(t, "Release", l.Release(t.Context())) }, sent: 1},
		"lost":  {before: func(*testing.T, *locker.Client, *locker.Lease) { time.Sleep(locker.DefaultTTL) }, lost: true},
		"after Close": {
			before: func(t *testing.T, c *locker.Client, _ *locker.Lease) { want(t, "Close", c.Close(t.Context())) },
			sent:   1,
		},
		"lost, after Close": {
			before: func(t *testing.T, c *locker.Client, _ *locker.Lease) {
				time.Sleep(locker.DefaultTTL)
				want(t, "Close", c.Close(t.Context()))
			},
			lost: true,
		},
		"beside Close": {beside: func(c *locker.Client) { c.Close(context.Background()) }, sent: 1},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s store
				s.onRelease(func(_ context.Context, g locker.Grant, hold time.Duration) error {
					time.Sleep(time.Second)
					return s.doRelease(g, hold)
				})
				c := newClient(t, &s)
				lease := acquire(t, c, t.Name(), locker.WithoutRenewal())
				if tt.before != nil {
					tt.before(t, c, lease)
				}
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() {
						for range 3 {
							err := lease.Release(context.Background())
							if tt.lost {
								wantLost(t, "Release", err, locker.LossExpired)
							} else {
								want(t, "Release", err)
							}
						}
					})
				}
				if tt.beside != nil {
					all.Go(func() { tt.beside(c) })
				}
				all.Wait()
				if n := s.counts().release; n != tt.sent {
					t.Errorf("%d releases were sent, want %d", n, tt.sent)
				}
			})
		})
	}
}
