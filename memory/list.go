package memory

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/holdfast/locker"
)

var _ locker.Lister = (*backend)(nil)

// List returns what the store knows of the names that begin with prefix, in their
// order: of all at the one moment at which the iteration begins. Every name that
// was ever locked is among them.
func (b *backend) List(ctx context.Context, prefix string) iter.Seq2[locker.Info, error] {
	return func(yield func(locker.Info, error) bool) {
		var list []locker.Info
		err := b.store.call(ctx, OpList, func(now time.Time) error {
			list = nil
			for _, name := range slices.Sorted(maps.Keys(b.store.records)) {
				if strings.HasPrefix(name, prefix) && locker.CheckName(name) == nil {
					list = append(list, b.store.records[name].info(name, now))
				}
			}
			return nil
		})
		if err != nil {
			yield(locker.Info{}, err)
			return
		}
		for _, info := range list { // without the store's mutex
			if !yield(info, nil) {
				return
			}
		}
	}
}
