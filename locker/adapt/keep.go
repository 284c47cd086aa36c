package adapt

import (
	"context"
	"slices"
	"sync"
)

// keep remembers what is locked, for interfaces whose Unlock is given the same key
// as Lock and nothing else. Its zero value is empty.
type keep[K comparable] struct {
	mu  sync.Mutex
	all map[K]*kept
}

// kept is what is locked by one key.
type kept struct {
	// locks are in the order in which they were taken. Of more than one at most the
	// last is good, unless the Locker lets several hold a name at once.
	locks []*held

	// doubtful is the last whose release was not confirmed.
	doubtful *held
}

func (k *keep[K]) add(key K, h *held) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = make(map[K]*kept)
	}
	if k.all[key] == nil {
		k.all[key] = new(kept)
	}
	e := k.all[key]
	e.locks = append(e.locks, h)
	e.doubtful = nil // it is over, since another could be taken
}

// last returns the latest that was taken, or nil.
func (k *keep[K]) last(key K) *held {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.all[key]; e != nil && len(e.locks) > 0 {
		return e.locks[len(e.locks)-1]
	}
	return nil
}

// replace puts h in the place of old, and reports whether old was still there.
func (k *keep[K]) replace(key K, old, h *held) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.all[key]; e != nil {
		if i := slices.Index(e.locks, old); i >= 0 {
			e.locks[i] = h
			return true
		}
	}
	return false
}

// unlock releases the oldest lock of key. When it was lost, and another was taken
// since, the callers can't be told apart: taking the oldest first never releases
// one that somebody still counts on. A release that was not confirmed is repeated by
// the next call, if nothing is locked then. With nothing to do it returns
// [ErrNotLocked].
func (k *keep[K]) unlock(ctx context.Context, key K) error {
	h := k.take(key)
	if h == nil {
		return ErrNotLocked
	}
	err := h.Unlock(ctx)
	if unconfirmed(err) {
		k.doubt(key, h)
	}
	return err
}

// take removes what is to be released next, or returns nil.
func (k *keep[K]) take(key K) (h *held) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.all[key]
	if e == nil {
		return nil
	}
	if len(e.locks) > 0 {
		h, e.locks = e.locks[0], e.locks[1:]
	} else {
		h, e.doubtful = e.doubtful, nil
	}
	if len(e.locks) == 0 && e.doubtful == nil {
		delete(k.all, key)
	}
	return h
}

// doubt remembers h for a repeated unlock, unless another was taken since.
func (k *keep[K]) doubt(key K, h *held) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all[key] == nil {
		k.all[key] = &kept{doubtful: h}
	}
}
