package locker

import (
	"fmt"
	"sync"
)

// Fence guards a resource against holders that come too late. It remembers the
// highest token seen for each name and refuses lower ones.
//
// The zero Fence is ready to use. It lives in memory: a resource that outlives
// the process keeps the highest token beside its data instead, and compares in
// the same transaction that writes. It keeps a few dozen bytes for each name
// for as long as it exists. A Fence may be used by several goroutines at once
// and must not be copied.
type Fence struct {
	mu      sync.Mutex
	highest map[string]Token
}

// Check returns nil, and remembers t, if no higher token was seen for name; an
// equal one passes, because one holder writes more than once. Otherwise it
// returns a [*StaleError]. A token that is not positive belongs to no lease and
// is an [*InvalidError]. Check does not wait.
//
// The caller makes sure that nothing comes between the check and the write that
// it guards, for instance by holding a mutex over both.
func (f *Fence) Check(name string, t Token) error {
	if t <= 0 {
		return &InvalidError{What: "token", Value: t.String(), Want: "a positive number"}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if high := f.highest[name]; t < high {
		return &StaleError{Name: name, Token: t, Highest: high}
	}
	if f.highest == nil {
		f.highest = make(map[string]Token)
	}
	f.highest[name] = t
	return nil
}

// StaleError says that a token is below one that was already seen: a later
// lease on the name exists, and whoever shows this token must not write.
type StaleError struct {
	Name    string // of the lock
	Token   Token  // that was shown
	Highest Token  // that was seen before
}

// Error names the lock and both tokens.
func (e *StaleError) Error() string {
	return fmt.Sprintf("locker: stale token %v for %q: %v was seen", e.Token, e.Name, e.Highest)
}

// Is reports whether target is [ErrStale].
func (e *StaleError) Is(target error) bool { return target == ErrStale }
