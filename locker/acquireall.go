package locker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"example.com/holdfast/internal/moment"
)

// AllLocker is an optional interface of a [Locker]: [AcquireAll] in its own way. A
// [Client] is one; so is what [Prefix] and [Defaults] make, which pass the call on.
// A type that embeds a Client and replaces Acquire should replace AcquireAll too.
type AllLocker interface {
	AcquireAll(ctx context.Context, names []string, opts ...Option) (*Group, error)
}

// AcquireAll takes several locks of l: all of them or none. It returns when it
// holds every name, each by a [Lease] of its own with a token of its own. Two calls
// that want the same names, in whatever order, can't wait for each other.
//
// names is a set: its order does not matter, and a name that is given twice is held
// once. opts hold for each of the leases; [WithWait] is for the whole call, not for
// each name, and holds count from when all are held. Waiting and ctx are as
// in [Locker].Acquire, and each lease has at least half of its TTL remaining.
//
// Where l is no [AllLocker], and where the store can't do more, the names are
// acquired one after the other in the order of their bytes: while AcquireAll waits
// for one, it holds those before it, and renews them whatever opts say. Where the
// store can, as DynamoDB can for up to 100 names, one request acquires them, and
// nothing is held while AcquireAll waits. More names than one request can
// acquire are taken in several, in the same order.
//
// Errors are those of [Locker].Acquire; a [*HeldError] names the lock that stood in
// the way. An [*InvalidError] also says that there is no name, or no l. After an error
// nothing is held: AcquireAll has released what it had, whatever [WithMinHold] says
// and even if ctx is done, and joins the [*ReleaseError] of what the store has not confirmed.
func AcquireAll(ctx context.Context, l Locker, names []string, opts ...Option) (*Group, error) {
	if all, ok := l.(AllLocker); ok {
		return all.AcquireAll(ctx, names, opts...)
	}
	names, err := setOf(names)
	if err != nil {
		return nil, err
	}
	return oneByOne(ctx, newPartial(moment.NewReader(SystemClock())), l, names, opts)
}

// setOf returns the names in the order of their bytes, each once.
func setOf(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, &InvalidError{What: "names", Value: "none", Want: "at least 1"}
	}
	for _, name := range names {
		if err := CheckName(name); err != nil {
			return nil, err
		}
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// oneByOne acquires names in their order: who waits for a name holds only names
// before it, so that no circle of calls can wait for each other.
func oneByOne(ctx context.Context, p *partial, l Locker, names []string, opts []Option) (*Group, error) {
	return inParts(ctx, p, slices.Collect(slices.Chunk(names, 1)), opts,
		func(ctx context.Context, part []string, opts []Option) ([]*Lease, error) {
			lease, err := acquireFrom(ctx, l, part[0], opts...)
			if err != nil {
				return nil, err
			}
			return []*Lease{lease}, nil
		})
}

// inParts acquires one part of the names after the other. When a lease is lost while
// others are waited for, it begins again.
func inParts(ctx context.Context, p *partial, parts [][]string, opts []Option, acquire acquireNames) (*Group, error) {
	if len(parts) == 1 {
		leases, err := acquire(ctx, parts[0], opts)
		if err != nil {
			return nil, err
		}
		return newGroup(leases), nil
	}
	for {
		leases, err := p.acquire(ctx, parts, append(slices.Clip(opts), p.option), acquire)
		if err == nil {
			return newGroup(leases), nil
		}
		unconfirmed := giveBack(ctx, leases)
		if !errors.Is(err, ErrLost) { // else not even if ctx is done: the next Acquire says so
			return nil, errors.Join(err, unconfirmed)
		}
	}
}

// acquireNames acquires all of some names or none.
type acquireNames = func(ctx context.Context, names []string, opts []Option) ([]*Lease, error)

// partial changes what leases are acquired with while others of their group are
// missing: they are renewed, and hold for as long as it takes.
type partial struct {
	clock moment.Reader
	start time.Duration

	mu     sync.Mutex
	wanted Options // what the call asked for
}

// newPartial is made at the start of a call.
func newPartial(clock moment.Reader) *partial {
	return &partial{clock: clock, start: clock.Mono()}
}

// acquire acquires the parts once. The leases that it returns beside an error are to be
// given back.
func (p *partial) acquire(ctx context.Context, parts [][]string, opts []Option, acquire acquireNames) (leases []*Lease, err error) {
	for _, part := range parts {
		more, err := acquire(ctx, part, opts)
		if err != nil {
			return leases, err
		}
		leases = append(leases, more...)
	}
	p.mu.Lock()
	o := p.wanted
	p.mu.Unlock()
	for complete := false; !complete; { // some may run short while others are made complete
		errs := atOnce(leases, func(l *Lease) error { return l.h.complete(ctx, &o) })
		if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
			return leases, errs[i]
		}
		complete = !slices.ContainsFunc(leases, func(l *Lease) bool { return l.Remaining() < l.h.acq.ttl/2 })
	}
	return leases, nil
}

func (p *partial) option(o *Options) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = *o
	if o.Wait > 0 && o.Wait < Forever {
		o.Wait = max(0, o.Wait-(p.clock.Mono()-p.start))
	}
	if o.MinHold >= 0 && o.MinHold <= o.TTL && o.MaxHold >= 0 { // else it is to be refused
		o.MinHold, o.MaxHold, o.NoRenewal = 0, 0, false
	}
}

// complete makes the lease, of a group that is held as a whole now, what the call
// asked for. It takes a request where too little of the lease is left, or where it
// is bound to a session and must not be.
func (h *hold) complete(ctx context.Context, o *Options) error {
	acq := h.acq
	now := acq.c.now()
	acq.mu.Lock()
	h.minHold, h.maxHold, h.acquired = o.MinHold, o.MaxHold, now.Mono
	if o.NoRenewal {
		acq.renews, acq.next = false, Forever
	}
	alone := o.NoRenewal || o.MinHold > 0 || o.MaxHold > 0
	renew := acq.leftLocked(now) < acq.ttl/2 || moment.Held(acq.from, now) > acq.ttl-o.MinHold ||
		alone && (acq.session != nil || acq.busyLocked())
	acq.mu.Unlock()
	if !renew {
		return h.check()
	}
	return h.renewNow(ctx, func(time.Duration) (Renewal, bool) { return Renewal{TTL: acq.ttl}, true })
}

// giveBack releases leases of a group that does not come about. One that was lost is
// not held either.
func giveBack(ctx context.Context, leases []*Lease) error {
	for _, lease := range leases {
		lease.h.acq.mu.Lock()
		lease.h.minHold = 0
		lease.h.acq.mu.Unlock()
	}
	return errors.Join(slices.DeleteFunc(releaseEach(ctx, leases), func(err error) bool { return errors.Is(err, ErrLost) })...)
}

// releaseEach releases leases, many at once, and returns the errors in their order.
func releaseEach(ctx context.Context, leases []*Lease) []error {
	return atOnce(leases, func(l *Lease) error { return l.Release(ctx) })
}

// atOnce calls f for each of the leases, for many at once, and returns the errors in
// their order.
func atOnce(leases []*Lease, f func(*Lease) error) []error {
	errs := make([]error, len(leases))
	todo := make(chan int, len(leases))
	for i := range leases {
		todo <- i
	}
	close(todo)
	var calls sync.WaitGroup
	for range min(closers, len(leases)) {
		calls.Go(func() {
			for i := range todo {
				errs[i] = f(leases[i])
			}
		})
	}
	calls.Wait()
	return errs
}
