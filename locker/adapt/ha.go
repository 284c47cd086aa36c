package adapt

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"example.com/holdfast/locker"
)

// HA has a LockWith that returns a lock with a value that everybody can read. With
// L = physical.Lock it is Vault's physical.HABackend, by which its servers agree
// on the one that is active, beside any physical.Backend that keeps their data:
//
//	type storage struct {
//		physical.Backend
//		adapt.HA[physical.Lock]
//	}
//
// The value is the lease's data, of up to 4,096 bytes. The lock has no fencing
// token that Vault could use: a server that is paused for longer than the TTL may
// write once more when it wakes up.
//
// The zero value is not enabled, and its LockWith returns a [*locker.InvalidError]. An
// HA may be copied, and used by several goroutines at once.
type HA[L any] struct {
	Locker  locker.Locker   // takes the locks, and is a [locker.Inspector] as those of memory and dynamo are
	Prefix  string          // put before each key; [locker.Prefix] can't be inspected
	Options []locker.Option // of each acquisition, but for the data
	OnLost  func(name string, err error)
}

// HAEnabled reports whether LockWith can work: whether there is a Locker that can
// be inspected.
func (b HA[L]) HAEnabled() bool { return b.check() == nil }

// LockWith returns the lock called key, to be held with value. It sends nothing.
//
// Errors: [*locker.InvalidError] for a key or a value outside of its limits, for an
// HA without a Locker or with one that is no [locker.Inspector], and for an L that
// has other methods than these, which are those of what it returns:
//
//	Lock(stop <-chan struct{}) (lost <-chan struct{}, err error)
//	Unlock() error
//	Value() (held bool, value string, err error)
//
// Lock waits while another holds the lock, for as long as Options say. It returns nil
// and nil when stop is closed before; a nil stop never is. lost is closed when the
// lock is over, by loss or by Unlock. The errors are those of [locker.Locker], and a
// [*locker.HeldError] when the same value was locked before and not unlocked or
// lost since.
//
// Unlock returns nil when the lock is not held, and when it was lost: lost has
// told of that. After a [*locker.ReleaseError] it may be called again.
//
// Value tells by a strongly consistent read whether anybody holds the lock and with
// what value. A lock whose holder is presumed dead is not held. Errors are those of
// the Inspector. What LockWith returns is safe for use by several goroutines.
func (b HA[L]) LockWith(key, value string) (L, error) {
	var none L
	if err := b.check(); err != nil {
		return none, err
	}
	if err := locker.CheckName(key); err != nil {
		return none, err
	}
	name := b.Prefix + key
	if err := locker.CheckName(name); err != nil {
		return none, err
	}
	if n := len(value); n > locker.MaxDataBytes {
		return none, &locker.InvalidError{
			What: "value", Value: fmt.Sprintf("of %d bytes", n), Want: fmt.Sprintf("at most %d bytes", locker.MaxDataBytes),
		}
	}
	opts := slices.Concat(b.Options, []locker.Option{locker.WithData([]byte(value))})
	return any(&haLock{locker: b.Locker, name: name, opts: opts, onLost: b.OnLost}).(L), nil
}

// check returns why LockWith can't work.
func (b HA[L]) check() error {
	if _, ok := any((*haLock)(nil)).(L); !ok {
		return wrongResult[L]("Lock(<-chan struct{}) (<-chan struct{}, error), Unlock() error and Value() (bool, string, error)")
	}
	if err := usable(b.Locker); err != nil {
		return err
	}
	if _, ok := b.Locker.(locker.Inspector); !ok {
		return &locker.InvalidError{What: "adapter's Locker", Value: fmt.Sprintf("of type %T", b.Locker), Want: "a locker.Inspector"}
	}
	return nil
}

// haLock is what LockWith returns.
type haLock struct {
	locker locker.Locker
	name   string
	opts   []locker.Option
	onLost lost

	mu   sync.Mutex
	held *held // that was locked and not confirmed to be released, or nil
}

func (l *haLock) Lock(stop <-chan struct{}) (<-chan struct{}, error) {
	if closed(stop) {
		return nil, nil
	}
	if h := l.current(); h != nil && h.lease.Err() == nil {
		return nil, fmt.Errorf("adapt: lock: already locked: %w", &locker.HeldError{Name: l.name})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	h, err := acquire(ctx, l.locker, l.name, l.onLost, l.opts...)
	switch {
	case err != nil && closed(stop):
		return nil, nil
	case err != nil:
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = h
	return h.lease.Done(), nil
}

func (l *haLock) Unlock() error {
	h := l.current()
	if h == nil {
		return nil
	}
	err := h.Unlock(context.Background())
	if unconfirmed(err) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == h {
		l.held = nil
	}
	return nil
}

func (l *haLock) Value() (held bool, value string, err error) {
	info, err := l.locker.(locker.Inspector).Inspect(context.Background(), l.name)
	if err != nil || info.State != locker.StateHeld {
		return false, "", err
	}
	return true, string(info.Data), nil
}

func (l *haLock) current() *held {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// closed reports whether c is closed; a nil channel is not.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
