package locker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"
)

// Lister is an optional interface of a [Backend], and of a [Locker].
type Lister interface {
	// List returns what the store knows of each lock whose name begins with
	// prefix, in no particular order, as the iteration asks for it. It may show
	// an older state of a lock, and is no snapshot. Names that begin with
	// "_session/" are left out; locks that nobody holds may be.
	//
	// An error beside an Info that has a Name is about that lock alone, and the
	// iteration goes on after it. One beside the zero Info ends the iteration.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// List returns what the store knows of each lock whose name begins with prefix,
// of all for an empty one, in no particular order. It is for people and their
// tools: a store may have to read everything that is in it, whatever the prefix;
// see the backend's own List for what that costs. Nothing is sent before the
// iteration begins, which asks as it goes on and no further when it is left.
//
// What it shows of a lock may be a moment old; [Client.Inspect] shows the
// present. It is no snapshot either: a lock that changes hands meanwhile is shown
// as it was when its turn came. A lock that was released may still be listed, as
// [StateFree]. Names that begin with "_session/" are the library's own, and left
// out.
//
// Errors are yielded. One beside an Info that has a Name is about that lock
// alone, such as a record that is damaged: the iteration goes on after it, so that
// one such record does not hide all others. One beside the zero Info comes last:
// an [*InvalidError] for a prefix that can't begin a name,
// [errors.ErrUnsupported] when the backend is no [Lister], and the backend's own;
// those that wrap [ErrUnavailable] may pass. Nothing is tried again.
//
// The iteration may be repeated and asks anew each time. It blocks while the
// store answers, bounded by ctx.
func (c *Client) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	lister, ok := c.backend.(Lister)
	switch err := checkPrefix(prefix); {
	case err != nil:
		return failedList(err)
	case !ok:
		return failedList(fmt.Errorf("locker: list %q: %w", prefix, errors.ErrUnsupported))
	}
	return lister.List(ctx, prefix)
}

func failedList(err error) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) { yield(Info{}, err) }
}

// checkPrefix returns an [*InvalidError] when no name can begin with prefix.
func checkPrefix(prefix string) error {
	switch {
	case len(prefix) > MaxNameBytes:
		return tooLong("prefix", len(prefix), MaxNameBytes)
	case !utf8.ValidString(prefix):
		return &InvalidError{What: "prefix", Value: strconv.Quote(prefix), Want: "valid UTF-8"}
	}
	return nil
}
