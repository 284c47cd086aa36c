// Package memory is a lock service for unit tests: a [locker.Locker] without a
// store, whose leases end to the instant, by a clock that the test moves, and
// whose faults come when the test orders them.
//
//	l := memory.New()
//	err := locker.Do(ctx, l, "reports/daily", work)
//
// # Time
//
// There are two ways to test what takes time, without waiting for it.
//
// With a [Clock] the test moves time by hand. All that [Clock.Advance] leads to
// for the holder of a lease is done when it returns: renewals in the background,
// expiry, the cancelling of contexts. Calls that wait are woken, and go on in
// their own goroutines.
//
//	clock := memory.NewClock(time.Unix(1_000_000, 0))
//	store := memory.NewStore(func(o *memory.Options) { o.Clock = clock })
//
// Without one, leases live by package time. Inside of a testing/synctest bubble
// that is the bubble's: create the store in there, and time passes by itself
// when nobody has anything left to do, and synctest.Wait tells when that is.
// That is the way for tests in which several goroutines wait.
//
//	synctest.Test(t, func(t *testing.T) {
//		store := memory.NewStore()
//		a, b := store.Open(), store.Open()
//		a.Acquire(t.Context(), "job", locker.WithTTL(time.Minute), locker.WithoutRenewal())
//		begin := time.Now()
//		b.Acquire(t.Context(), "job", locker.WithoutRenewal()) // waits
//		t.Log(time.Since(begin))                               // 1m0s
//	})
//
// # Processes
//
// [Store.Open] opens a second Locker on the same locks, which stands for another
// process. [New] is enough where one will do.
//
// Within a process a name goes to those who wait for it in the order in which
// they began to. Processes that wait are all woken at once, and any of them may
// be the next.
//
// # Faults
//
// [Store.Expire] and [Store.Steal] end a lease behind its holder's back, and
// [Store.FailNext] and [Store.DropResponse] make a single request fail, before
// or after it has taken effect. Faults that need no control of their own: a
// process that has crashed is a lease that was acquired with
// [locker.WithoutRenewal]; one that hangs has a [Clock] of its own which stands
// still; a network that delays or repeats requests is a [locker.Backend] that
// wraps [Store.Backend].
//
// # What it is not
//
// The store lasts no longer than its process and keeps a record of each name
// for as long. It is as strict as any store may be: what works here with more
// than one process may need a longer TTL on a real one, where answers take time
// and a crashed holder's lease is over some seconds after its end.
package memory
