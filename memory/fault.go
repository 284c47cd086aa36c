package memory

import (
	"fmt"

	"example.com/holdfast/locker"
)

// Op is an operation of a [Store] for which a test can order a fault.
type Op int

// The operations. One call of a [Locker]'s method leads to one or more of them:
// what failed with [locker.ErrUnavailable] is tried again.
const (
	OpAcquire Op = iota + 1 // a try to take a name, or several at once
	OpRenew                 // a renewal, in the background or by Renew, Ensure or SetData
	OpRelease               // a release, also of an attempt whose outcome is not known
	OpInspect               // Inspect
	OpPoll                  // the look that a waiting call takes when something has changed
	OpList                  // List, once for each iteration
	OpBreak                 // Break
)

var opNames = [...]string{OpAcquire: "acquire", OpRenew: "renew", OpRelease: "release", OpInspect: "inspect", OpPoll: "poll", OpList: "list", OpBreak: "break"}

// String returns the operation in a word.
func (op Op) String() string {
	if op < OpAcquire || int(op) >= len(opNames) {
		return fmt.Sprintf("Op(%d)", int(op))
	}
	return opNames[op]
}

// fault is what happens to one call. The zero fault is none.
type fault struct {
	err  error // returned instead of doing anything
	drop bool  // the answer is lost
}

// FailNext makes the next call of op, by whichever process and for whichever
// name, fail with err without having done anything. Several orders for one op,
// of [Store.DropResponse] too, are carried out in turn, one a call. A nil err is
// an order to let a call pass: FailNext(OpRenew, nil) and then FailNext(OpRenew,
// err) fails the second renewal from now.
//
// err is passed on as it is, so it decides what the Locker does. One that wraps
// [locker.ErrUnavailable] is a store that doesn't answer: the call is tried
// again. Any other is a store that refuses, such as for lack of permission:
// Acquire returns it, Release wraps it in a [*locker.ReleaseError]; a renewal in
// the background is tried again even so, because a lease is lost only when its
// time is over. A [*locker.HeldError] or [*locker.LostError] is believed.
//
// FailNext panics if op is none of the constants.
func (s *Store) FailNext(op Op, err error) { s.order(op, fault{err: err}) }

// DropResponse makes the next call of op take effect, or be refused, as usual,
// and then fail as if the answer had got lost: with an error that wraps
// [locker.ErrUnavailable]. It stands in one queue with [Store.FailNext].
//
// DropResponse panics if op is none of the constants.
func (s *Store) DropResponse(op Op) { s.order(op, fault{drop: true}) }

func (s *Store) order(op Op, f fault) {
	if op < OpAcquire || int(op) >= len(opNames) {
		panic(fmt.Sprintf("memory: %v is no operation", op))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[op] = append(s.faults[op], f)
}

// lostAnswer is what the caller of op sees instead of an answer.
func lostAnswer(op Op) error {
	return fmt.Errorf("memory: %v: the answer was dropped: %w", op, locker.ErrUnavailable)
}

// nextFaultLocked takes the fault that is ordered for this call of op.
func (s *Store) nextFaultLocked(op Op) fault {
	queue := s.faults[op]
	if len(queue) == 0 {
		return fault{}
	}
	s.faults[op] = queue[1:]
	return queue[0]
}
