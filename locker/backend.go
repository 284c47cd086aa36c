package locker

import (
	"context"
	"time"
)

// Backend is what a store has to offer to become a [Locker]: pass it to [New].
// Three conditional writes are all; queueing, retries, waiting, renewal and
// expiry are the [Client]'s business.
//
// A Backend makes one try a call. It never sleeps, retries, starts a goroutine
// that outlives the call, or judges whether its caller's lease is still good.
// It returns soon after ctx is done. Methods are called by many goroutines at
// once, but for one acquisition at most one Renew is under way.
//
// The outcome of a write is applied, refused or unknown, and each is a branch
// of its own: nil, a [*HeldError] or [*LostError], and an error that wraps
// [ErrUnavailable]. The Client tries again after the third kind. Any other error
// is final for Acquire; for Renew it is retried until the lease ends.
//
// Package locktest checks an implementation.
type Backend interface {
	// Acquire tries once to make a.ID the holder of a.Name. It succeeds when
	// nobody holds the name, when it is certain that nobody believes to hold it
	// any more, or when the holder's revision is a.Stale; the write that takes over
	// depends on the revision seen, so that a renewal in between makes it fail.
	//
	// It is idempotent in a.ID: when an earlier send of the same ID took effect,
	// and was not released, it succeeds. All sends of one ID carry one token.
	//
	// When another holds the name it returns a [*HeldError] that describes the
	// holder. Its Holder.Revision must change with every renewal, or the holder's
	// lease is taken for one that nobody renews. With Revision and TTL the Client can
	// tell when a holder is dead, and set Stale; the rest is for people.
	Acquire(ctx context.Context, a Attempt) (Grant, error)

	// Renew extends g so that it ends r.TTL after this call, and replaces the data
	// unless r.Data is nil. It must not take effect after a later Renew of the
	// same acquisition, after its Release, or when another holds the name; it never
	// creates a record. When the store names another holder, or none, it returns
	// a [*LostError]; a copy that came late is refused with any other error.
	//
	// The Grant returned is the one to use next, also beside an error.
	Renew(ctx context.Context, g Grant, r Renewal) (Grant, error)

	// Release ends g: the name is free now or, with a hold above zero, when hold
	// has passed. Released before is success. A [*LostError] says that another
	// holds the name, or that there is no record of g.
	//
	// Release works for a Grant of which only Name, ID and TTL are set: an
	// attempt whose outcome nobody knows. Once it has taken effect no earlier
	// Renew of the same ID may.
	Release(ctx context.Context, g Grant, hold time.Duration) error
}

// Attempt is one try to acquire a lock.
type Attempt struct {
	Name  string        // of the lock
	ID    string        // of the acquisition: 26 characters of [0-9a-z], never used before
	Owner string        // for others to see
	TTL   time.Duration // how long the lease lasts unless renewed
	Data  []byte        // for others to see; the backend may keep it, but not change it

	// Stale is a revision in which nobody believes: the Client first saw it at
	// least its own TTL ago, or it belongs to an acquisition of its own that has
	// ended. The backend may take it over. Empty: none.
	Stale string

	// Tokens is how many fencing tokens in a row the Client would like: it gives
	// them to leases that use the acquisition one after another. A backend may give
	// fewer.
	Tokens int
}

// Renewal is what a renewal changes.
type Renewal struct {
	TTL  time.Duration // from this renewal on
	Data []byte        // replaces the data; nil leaves it as it is
}

// Grant is an acquisition that took effect.
type Grant struct {
	Name     string
	ID       string        // the Attempt's
	Token    Token         // the first; higher than all of every earlier grant of the name
	Tokens   int           // how many there are, Token among them; 0 counts as 1
	TTL      time.Duration // as last written
	Revision string        // the backend's own: what it needs to renew
	Wanted   bool          // optional: another process waits for the name
	TookOver bool          // optional, of Acquire: a lease that was not released was taken over

	// Ended is closed when the store ends the lease by itself, for stores that
	// have sessions of their own; nil otherwise.
	Ended <-chan struct{}
}

// Inspector is an optional interface of a [Backend], and of a [Locker].
type Inspector interface {
	// Inspect returns what the store knows of name, by a strongly consistent
	// read. A name that nobody holds is not an error: its State is [StateFree].
	Inspect(ctx context.Context, name string) (Info, error)
}

// Poller is an optional interface of a [Backend]: a cheap look that the Client
// takes while it waits. Without it every look is an Acquire.
type Poller interface {
	// Poll is Inspect that may cost less and show an older state.
	Poll(ctx context.Context, name string) (Info, error)
}

// Notifier is an optional interface of a [Backend] that tells of changes.
type Notifier interface {
	// Await returns nil when the record of name may have another revision than
	// the given one, and ctx's error when ctx is done before. After any other error
	// the Client waits as it does without a Notifier.
	Await(ctx context.Context, name, revision string) error
}

// Marker is an optional interface of a [Backend], for fairness between processes
// that want one name.
type Marker interface {
	// MarkWanted marks the record of an acquisition: another process waits for the
	// name. Grant.Wanted tells the holder when it renews. It is no renewal and no
	// change of the revision. When the name is not the acquisition's, or no more, it
	// does nothing.
	MarkWanted(ctx context.Context, name, id string) error

	// ReleaseWanted is Release, and tells whether the record was marked.
	ReleaseWanted(ctx context.Context, g Grant, hold time.Duration) (wanted bool, err error)
}

// Binder is an optional interface of a [Backend], for [ClientOptions].SharedHeartbeat.
// A session is an acquisition of a name that begins with "_session/" and ends in
// its ID, acquired, renewed and released like any other.
type Binder interface {
	// Bind is a Renew of g after which g lasts for as long as session does. Any
	// later Renew gives it a time of its own again. The Info of a bound record has
	// the TTL of its session, and a Revision that changes with the session's.
	Bind(ctx context.Context, g, session Grant) (Grant, error)
}

// Grouper is an optional interface of a [Backend] that can acquire several names by one
// request; [Client.AcquireAll] uses it.
type Grouper interface {
	// AcquireGroup is Acquire of several names, all or none: 2 to GroupLimit attempts
	// of different names, in the order of their bytes. It tries once to make each
	// attempt's ID the holder of its name, and returns the grants in the same order. It
	// is idempotent in these IDs as a whole: once a send has taken effect, and none of
	// the grants was released, another one succeeds.
	//
	// A [*HeldError] is about the first of the names that another holds. After it, or
	// after another final error, this call has acquired none. After one that wraps
	// [ErrUnavailable] it is not known whether all are held or none.
	//
	// An error that is [errors.ErrUnsupported] says, before anything was sent, that the
	// store can't: the Client acquires one name after the other from then on.
	AcquireGroup(ctx context.Context, all []Attempt) ([]Grant, error)

	// GroupLimit returns how many names one AcquireGroup can acquire at most.
	GroupLimit() int
}

// State is what is known of a lock.
type State int

// The states.
const (
	StateUnknown State = iota // nobody could tell
	StateFree                 // nobody holds it
	StateHeld                 // a lease that has not ended, as far as is known
	StateDead                 // presumed dead: the lease has ended without a release, and may be taken over
)

// String returns the state in a word.
func (s State) String() string {
	switch s {
	case StateFree:
		return "free"
	case StateHeld:
		return "held"
	case StateDead:
		return "dead"
	}
	return "unknown"
}

// Info is what a store knows of one lock.
type Info struct {
	Name          string        // of the lock
	AcquisitionID string        // of the holder, or of the last one
	Owner         string        // as given by the holder
	Token         Token         // the last that the holder's acquisition has, or had: not below its lease's
	TTL           time.Duration // of the holder's lease; 0 when the record doesn't tell
	Acquired      time.Time     // by the holder's clock or the store's, for people to read; zero when not known
	State         State
	Revision      string // changes with every renewal
	Data          []byte // as given by the holder

	// Remaining is how long at most until the lease ends unless it is renewed,
	// as far as can be known: of a held lock that no clock tells about it is the TTL. 0
	// when it has ended or nothing is known.
	Remaining time.Duration

	// Doubt is how long until it is certain that an ended lease may be taken
	// over. 0: certain now, or not ended.
	Doubt time.Duration
}
