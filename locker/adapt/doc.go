// Package adapt gives other programs' lock interfaces a [locker.Locker] to work
// with. Each type has the methods that one family of them asks for:
//
//   - [Keyed]: gocron's Locker; its Elector is satisfied by *locker.Elector
//   - [Named]: certmagic's Locker, TryLocker and LockLeaseRenewer
//   - [SQL]: goose's Locker and SessionLocker
//   - [Plain]: the Lock and Unlock of golang-migrate's database.Driver
//   - [Timed]: atlas' schema.Locker
//   - [HA]: Vault's physical.HABackend
//
// None of these modules is imported: where a method returns a type of theirs, the
// adapter has it as its type parameter. The package needs the standard library only.
//
// # What all have in common
//
// Locker is where the locks are taken; without one every call returns a
// [*locker.InvalidError]. Options are those of each acquisition: TTL, owner, how
// long to wait. To keep the locks of several programs on one table apart, give each
// a [locker.Prefix].
//
// The locks are leases: they are renewed until Unlock, and end one TTL after a
// crash. An Unlock works with a context that is done. It does not panic where there
// is nothing to unlock, and never ends the lock of a later holder.
//
// # Losing a lock
//
// These interfaces have no way to tell that a lock was lost between Lock and Unlock,
// but for Vault's. So each adapter has an OnLost, which is called in a goroutine of
// its own, once for each lock that ended other than by Unlock: with the name of the
// lock, prefix included, and a [*locker.LostError] or, when the Locker was
// closed meanwhile, an error that is [locker.ErrClosed]. It should stop the
// work: others may hold the lock. Nil: nobody is told.
//
// Unlock of a lost lock then returns the same error where its contract allows that.
// A [*locker.ReleaseError] of an Unlock says that the store has not confirmed: the
// name may stay taken for one TTL. It may be called again then. Programs that throw
// the errors of Unlock away can't show it; the Locker's own Observer does.
package adapt
