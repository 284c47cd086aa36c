package sim

import (
	"errors"
	"strings"

	"example.com/holdfast/locker"
)

// operate is what an operator does now and then: look who holds a name, think
// for a while, and break it. That frees nothing at once, so that every check holds
// as it does without.
func (wk *worker) operate(name string) {
	w, r := wk.p.world, wk.random
	info, err := wk.p.locker.Inspect(wk.p.life, name)
	if err != nil || !wk.p.alive() {
		return
	}
	if chance(r, 0.5) && !wk.p.sleep(between(r, 0, w.ttl)) {
		return
	}
	for range 1 + r.IntN(2) {
		err = wk.p.locker.Break(wk.p.life, info)
		switch {
		case !wk.p.alive():
			return
		case err != nil && !errors.Is(err, locker.ErrHeld) && !errors.Is(err, locker.ErrUnavailable):
			w.fail("%v: Break(%q) = %v", wk.p, name, err)
		}
	}
}

// isBroken reports whether a revision is one that a break has written.
func isBroken(revision string) bool { return strings.HasSuffix(revision, "/0000000000") }

// isReleased reports whether a revision is one that a release has written.
func isReleased(revision string) bool { return strings.HasSuffix(revision, "/9999999999") }
