package locker

import "container/list"

// recent is a map that keeps the limit keys that were put latest. The zero
// value is empty.
type recent[V any] struct {
	order list.List // of entry[V], oldest first
	byKey map[string]*list.Element
}

type entry[V any] struct {
	key   string
	value V
}

// remembered is how many keys a recent keeps.
const remembered = 10_000

func (r *recent[V]) get(key string) (V, bool) {
	e, ok := r.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	return e.Value.(entry[V]).value, true
}

func (r *recent[V]) put(key string, value V) {
	if r.byKey == nil {
		r.byKey = make(map[string]*list.Element)
	}
	r.drop(key)
	r.byKey[key] = r.order.PushBack(entry[V]{key, value})
	if r.order.Len() > remembered {
		r.drop(r.order.Front().Value.(entry[V]).key)
	}
}

func (r *recent[V]) drop(key string) {
	if e, ok := r.byKey[key]; ok {
		r.order.Remove(e)
		delete(r.byKey, key)
	}
}
