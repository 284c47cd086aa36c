package sim

import "example.com/holdfast/locker"

// register is what a lock guards: a service of its own, which a process reaches
// over a network that loses nothing but takes its time. It keeps two numbers that
// processes read, increment and write back. One is fenced: reads and writes
// carry the token, and it refuses those with a token below one that it has seen.
// The other, the control, takes what comes.
type register struct {
	highest locker.Token // seen by either
	fenced  int
	plain   int

	writes, stale, late, lost int
}

// values is what a read returns. The fenced register refuses a stale one; the
// write that follows is stale as well.
type values struct{ fenced, plain int }

func (r *register) read(t locker.Token) values {
	if t < r.highest {
		return values{plain: r.plain}
	}
	r.highest = t
	return values{r.fenced, r.plain}
}

// write writes back what v showed, incremented. It reports whether the fenced
// number took it, and what rule was broken, if one was.
func (r *register) write(t locker.Token, v values) (ok bool, broken string) {
	if t < r.highest {
		r.late++
	}
	if v.plain != r.plain {
		r.lost++
	}
	r.plain = v.plain + 1
	if t < r.highest {
		r.stale++
		return false, ""
	}
	if v.fenced != r.fenced {
		broken = "the fenced register lost an update"
	}
	r.highest = t
	r.fenced = v.fenced + 1
	r.writes++
	return true, broken
}
