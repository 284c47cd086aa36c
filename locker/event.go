package locker

import (
	"context"
	"fmt"
	"time"
)

// EventKind is what an [Event] tells of.
type EventKind int

// The kinds of events.
const (
	EventAcquired    EventKind = iota + 1 // a lease was acquired
	EventRefused                          // a call of Acquire ended without a lease
	EventRenewed                          // a lease was renewed
	EventRenewFailed                      // a try to renew failed; the lease is still good
	EventLost                             // a lease was lost
	EventReleased                         // a lease was released, or its release not confirmed: see Err
	EventDropped                          // nobody has the [Lease] any more, and it was not released: it goes on being renewed
	EventWaiting                          // a call of Acquire begins to wait for a holder, or for another one than before
	EventHandedOver                       // a lease that was released goes on, without a request, as one that is acquired next
	EventNotChecked                       // a backend could not check its store's set-up, and goes on without
)

var eventNames = [...]string{"", "acquired", "refused", "renewed", "renew failed", "lost", "released", "dropped", "waiting", "handed over", "not checked"}

// String returns the kind in words.
func (k EventKind) String() string {
	if k <= 0 || int(k) >= len(eventNames) {
		return fmt.Sprintf("EventKind(%d)", int(k))
	}
	return eventNames[k]
}

// Event is something that happened to a lock, for an observer. Fields that a
// kind does not mention are zero.
type Event struct {
	Kind EventKind
	Name string // of the lock
	ID   string // of the lease
	// Owner is the owner of the lease or, of an attempt that waits or was refused, who asked.
	Owner string
	Token Token

	Waited    time.Duration // acquired, refused, waiting: since the call
	Tries     int           // acquired, refused: tries of the call to take the lock
	TookOver  bool          // acquired: from a holder whose lease had ended without a release
	Held      time.Duration // lost, released: since the acquisition
	Remaining time.Duration // renewed, renew failed: what was left of the lease when the answer came
	Holder    Info          // refused, waiting: whose lease stands in the way; acquired: who was last seen holding the lock before, if anybody
	Err       error         // refused, renew failed, lost, released, not checked: why
}

// Observer is told of events. It is called in the goroutine in which an event
// happens, never with a lock held, and after the state has changed: an observer
// that is slow delays the caller, but nothing that keeps a lease alive. It is called
// by several goroutines at once, and must neither panic nor call Close. ctx is the
// context of the call that led to the event, for its values.
type Observer = func(context.Context, Event)
