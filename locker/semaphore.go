package locker

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Semaphore returns a Locker on which up to n hold a name at once. A lease on "printers"
// is one on any of the n slots "printers/0" to "printers/n−1", locks of l like any other:
// [Lease.Name] says which, and [Lister] and [Breaker] know them by these names. Whoever
// takes one of these names from l itself takes a slot.
//
// Acquire asks the slots one after the other, from a random one on, each as soon as the
// one before is known to be held or has not answered for a second. It waits at those
// that are held, all at once, and takes the first that it gets; a slot that it gets
// beside that is released before it returns. [WithWait] and ctx bound the whole call.
// With [NoWait] it tries every slot once and returns a [*HeldError] if all are held,
// which shows the holder of one. Other errors are those of l; the first ends the call.
//
// Who waits in the same process gets a slot in the order in which they began to wait,
// and between processes as with l itself; a slot goes from one call to the next of
// the same [Client] without a request, as a lock does. It makes no difference for that
// whether they share a Semaphore or make one each.
//
// Requests, on a store: as many as for a free lock, and a write for each slot before it
// that others hold; for a call that waits, those of n calls that wait for a lock. A
// goroutine for each slot that is waited at. While calls of one Client hand slots to
// each other faster than the store answers, one that another process gives back may be
// found late.
//
// Tokens rise on each slot by itself: what is guarded has to be told apart by
// Lease.Name, or not fenced. The processes should agree on n. Where they don't, each
// looks at its own slots only, and there are at most as many holders as the largest n
// says. To use fewer slots than before takes until those above are released.
//
// An n below 1, a nil l, or a name that is too long with the largest slot's suffix, is
// an [*InvalidError] of Acquire, before anything is sent. The Locker returned may be used
// by several goroutines, and keeps nothing.
func Semaphore(l Locker, n int) Locker {
	return LockerFunc(func(ctx context.Context, name string, opts ...Option) (*Lease, error) {
		if n < 1 {
			return nil, &InvalidError{What: "slots of a semaphore", Value: strconv.Itoa(n), Want: "at least 1"}
		}
		if name == "" {
			return nil, CheckName(name)
		}
		if err := CheckName(slotName(name, n-1)); err != nil {
			return nil, err
		}
		s := &slotSearch{l: l, n: n, name: name, opts: opts, answers: make(chan slotAnswer), first: rand.IntN(n)}
		return s.run(ctx)
	})
}

func slotName(name string, slot int) string { return name + "/" + strconv.Itoa(slot) }

// slotSearch is one call of a Semaphore's Acquire. Each slot is asked in a goroutine of
// its own, none of which outlives the call; everything else happens in the caller's.
type slotSearch struct {
	l     Locker
	n     int
	name  string
	opts  []Option
	first int // slot to ask

	answers chan slotAnswer
	asked   int  // slots
	out     int  // of them without an answer
	noWait  bool // the wait is over, or there was to be none

	lease *Lease
	held  error // the first refusal
	err   error // the first other error
}

// slotAnswer is what came of the call for one slot.
type slotAnswer struct {
	lease  *Lease
	err    error
	waited bool // for a holder, if there was one
}

// silence is for how long a slot may not answer before the next is asked.
const silence = time.Second

// run asks and takes what comes until no call is left. It needs no clock for the wait:
// every slot is told the whole of it, and the first to say that it is over speaks for
// all.
func (s *slotSearch) run(caller context.Context) (*Lease, error) {
	s.noWait = Resolve(s.opts...).Wait <= 0
	ctx, cancel := context.WithCancel(caller) // ends the calls when one has got a slot
	defer cancel()
	waiting, stopWaiting := context.WithCancel(ctx) // ends those that wait
	defer stopWaiting()
	for next := s.ask(ctx, waiting); s.out > 0; {
		select {
		case <-next:
			next = s.ask(ctx, waiting)
		case a := <-s.answers:
			s.out--
			refused := s.take(ctx, a)
			switch {
			case s.lease != nil || s.err != nil || caller.Err() != nil:
				next = nil
				cancel()
			case refused:
				if s.noWait {
					stopWaiting()
				}
				next = s.ask(ctx, waiting)
			}
		}
	}
	switch {
	case s.lease != nil:
		return s.lease, nil
	case s.held != nil && (s.err == nil || caller.Err() != nil):
		return nil, s.held
	}
	return nil, s.err
}

// ask asks the next slot, if there is one left. next tells when it is time for the
// one after it: this one is known to be held, or silent.
func (s *slotSearch) ask(ctx, waiting context.Context) (next <-chan struct{}) {
	if s.asked == s.n {
		return nil
	}
	slot, opts, waits := slotName(s.name, (s.first+s.asked)%s.n), s.opts, !s.noWait
	if waits {
		ctx = waiting
	} else {
		opts = append(slices.Clip(opts), NoWait())
	}
	s.asked++
	s.out++
	told := make(chan struct{}, 1)
	tell := func() {
		select {
		case told <- struct{}{}:
		default:
		}
	}
	silent := (&systemClock{}).AfterFunc(silence, tell)
	go func() {
		lease, err := acquireFrom(withHolder(ctx, func(Info) { tell() }), s.l, slot, opts...)
		silent.Stop()
		s.answers <- slotAnswer{lease, err, waits}
	}()
	return told
}

// take notes what came of the call for one slot, and reports whether that was a refusal
// for which the next slot is to be asked. A slot that comes beside another is released.
func (s *slotSearch) take(ctx context.Context, a slotAnswer) (refused bool) {
	var held *HeldError
	switch {
	case a.err == nil && s.lease == nil:
		s.lease = a.lease
	case a.err == nil:
		a.lease.Release(ctx) // where that fails the slot ends with its TTL
	case errors.As(a.err, &held):
		if s.held == nil {
			s.held = &HeldError{Name: s.name, Holder: held.Holder, Cause: held.Cause}
		}
		refused = !a.waited || !s.noWait // not one whose wait was cut short
		s.noWait = true
	case s.err == nil && !(a.waited && s.noWait):
		s.err = a.err
	}
	return refused
}
