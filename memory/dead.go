package memory

// deadKept is how many IDs a store remembers. A request would have to be held
// up for that many acquisitions to be taken for a new one.
const deadKept = 10_000

// deadIDs remembers the acquisitions that ended latest. The zero value is empty.
type deadIDs struct {
	known map[acquisition]struct{}
	order []acquisition // a ring, once it is full
	next  int           // the oldest in the ring
}

type acquisition struct{ name, id string }

func (d *deadIDs) has(name, id string) bool {
	_, ok := d.known[acquisition{name, id}]
	return ok
}

func (d *deadIDs) add(name, id string) {
	a := acquisition{name, id}
	if _, ok := d.known[a]; ok {
		return
	}
	if d.known == nil {
		d.known = make(map[acquisition]struct{})
	}
	d.known[a] = struct{}{}
	if len(d.order) < deadKept {
		d.order = append(d.order, a)
		return
	}
	delete(d.known, d.order[d.next])
	d.order[d.next] = a
	d.next = (d.next + 1) % deadKept
}
