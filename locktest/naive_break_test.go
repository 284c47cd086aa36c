package locktest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/holdfast/locker"
)

func (s *naiveStore) List(ctx context.Context, prefix string) iter.Seq2[locker.Info, error] {
	return func(yield func(locker.Info, error) bool) {
		s.mu.Lock()
		var list []locker.Info
		for _, name := range slices.Sorted(maps.Keys(s.records)) {
			info := s.info(name, s.records[name])
			if s.listsAll || strings.HasPrefix(name, prefix) && (!s.listsOwn || strings.HasSuffix(name, "/a")) {
				list = append(list, info)
			}
		}
		s.mu.Unlock()
		for _, info := range list {
			if !yield(info, nil) && !s.listsOn {
				return
			}
		}
	}
}

func (s *naiveStore) Break(ctx context.Context, info locker.Info, opts ...locker.BreakOption) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	freeNow := locker.ResolveBreak(opts...).FreeNow && !s.breaksLater || s.breaksAtOnce
	r := s.records[s.key(info.Name)]
	broken := locker.BrokenID(info.AcquisitionID)
	switch {
	case s.breaksNothing:
		return nil
	case (r == nil || s.state(r) == locker.StateFree) && s.breaksFree:
		return fmt.Errorf("naive: no such lock")
	case r == nil || s.state(r) == locker.StateFree:
		return nil
	case s.breaksOnlySeen && s.revision(r) != info.Revision && r.id == info.AcquisitionID:
		return fmt.Errorf("naive: the record has changed")
	case r.id == broken && s.breaksOnce:
		return fmt.Errorf("naive: it is broken already")
	case r.id != info.AcquisitionID && r.id != broken && !s.breaksAnyone:
		return &locker.HeldError{Name: info.Name, Holder: s.info(info.Name, r)}
	case !freeNow && (r.id == broken || r.released || strings.HasPrefix(r.id, "broken")):
		return nil
	}
	r.id, r.seq = broken, 0
	if s.breaksToken {
		r.token = 0
	}
	if s.breaksForGood {
		r.ttl, r.expires = locker.MaxTTL, time.Now().Add(locker.MaxTTL)
	}
	if freeNow {
		r.released, r.expires = true, time.Now()
	}
	return nil
}
