// Package locker is what a program needs to use distributed locks, and all that a
// library needs to depend on: the interface [Locker], the [Lease] that it returns,
// and the [Client] that makes a Locker of any store. It imports the standard
// library only.
//
// # Using a lock
//
// [Do] runs a function under a lock:
//
//	err := locker.Do(ctx, l, "reports/daily", func(ctx context.Context, lease *locker.Lease) error {
//		return writeReport(ctx, lease.Token())
//	})
//
// l is a Locker of package memory in a unit test, and of package dynamo in
// production. [TryAcquire] does not wait; [Locker].Acquire returns a Lease to keep.
// [Semaphore] lets several hold a name at once, and an [Elector] leads for as long as
// it can.
//
// # What is promised
//
// At most one holder believes that it holds a name at any time, given clocks that
// run at the right rate; a backend says what else it relies on. Never that effects
// are exclusive: a process can be paused between looking at its lease and acting.
// For effects outside, pass [Lease.Token], and let the resource refuse tokens
// below the highest it has seen: see [Fence].
//
// # How a lease ends
//
// A holder counts its lease from before the request that took or renewed it, and
// stops believing a little before its end, by its own clocks, whether or not
// anybody told it. A contender counts from after it saw the record, and only
// takes over what has not changed since. So neither needs the other's clock.
//
// # Reading order
//
// locker.go, client.go, acquire.go, try.go, wait.go, queue.go, sightings.go; then
// hold.go, renew.go, release.go, schedule.go; backend.go is what a store has to
// offer. On top of these are acquireall.go, semaphore.go and elector.go.
package locker
