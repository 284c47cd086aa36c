package locktest_test

import (
	"reflect"
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
	open := func() *memory.Locker {
		return s.Open(func(o *memory.Options) { options = o.ClientOptions })
	}
	open()
	return locktest.Store{
		Connect: func() locker.Backend { return backendOf(open()) },
		Client:  func(o *locker.ClientOptions) { *o = options },
	}
}

// backendOf returns the backend of l, which does not show it.
func backendOf(l *memory.Locker) locker.Backend {
	b := reflect.ValueOf(l.Client).Elem().FieldByName("backend")
	return reflect.NewAt(b.Type(), b.Addr().UnsafePointer()).Elem().Interface().(locker.Backend)
}
