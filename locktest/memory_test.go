package locktest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"example.com/holdfast/locker"
	"example.com/holdfast/locktest"
	"example.com/holdfast/memory"
)

// TestMemoryClock moves time by hand, on the Clock that tests of programs use.
func TestMemoryClock(t *testing.T) {
	t.Parallel()
	locktest.Run(t, locktest.Backend{
		Around: synctest.Test, // for Settle
		Open: func(testing.TB) locktest.Store {
			clock := memory.NewClock(time.Unix(1_000_000, 0))
			s := memoryStore(memory.NewStore(func(o *memory.Options) { o.Clock = clock }))
			s.Advance, s.Settle = clock.Advance, synctest.Wait
			return s
		},
	})
}

// TestMemoryBubble lets the bubble's time pass by itself.
func TestMemoryBubble(t *testing.T) {
	t.Parallel()
	locktest.Run(t, locktest.Backend{
		Around: synctest.Test,
		Open:   func(testing.TB) locktest.Store { return memoryStore(memory.NewStore()) },
	})
}

func memoryStore(s *memory.Store) locktest.Store {
	var options locker.ClientOptions
	s.Open(func(o *memory.Options) { options = o.ClientOptions })
	return locktest.Store{
		Connect: s.Backend,
		Client:  func(o *locker.ClientOptions) { *o = options },
	}
}
