package locker

import (
	"container/list"
	"context"
	"errors"
)

// line is what happens to one name within a client: at most one hold, and a
// FIFO of calls that want the name. Only the first in the FIFO, its head, asks
// the store; the others wait for their turn. All fields are guarded by
// Client.mu.
type line struct {
	waiting *list.List   // of *waiter; nil if nobody waits
	hold    *hold        // this client's own, until its end is settled
	spare   *acquisition // of this client, for the head; nil while there is a hold
	seen    *sight       // the holder that the line has seen last; nil if none
}

// queued returns how many calls stand in the line.
func (l *line) queued() int {
	if l.waiting == nil {
		return 0
	}
	return l.waiting.Len()
}

// begin makes h the line's hold, and h's acquisition the only one: a spare was what
// it took over, with the wish of others for the name, or had ended. queued tells
// whether the call that acquired it still stands in the line.
func (l *line) begin(h *hold, queued bool) {
	if l.spare != nil {
		h.acq.inheritWanted(l.spare)
	}
	l.hold = h
	l.dropTakenLocked()
	if n := l.queued(); n > 1 || n == 1 && !queued {
		h.showWanted()
	}
}

// waiter is a call's place in a line. Its turn is closed when it becomes the head.
type waiter struct {
	turn  chan struct{}
	place *list.Element
	group bool // wants the name together with others: what is handed to it alone is of no use
}

// wantsSpare reports whether the head of the line can use an acquisition that is
// handed to it.
func (l *line) wantsSpare() bool {
	return l.queued() > 0 && !l.waiting.Front().Value.(*waiter).group
}

// lineLocked returns the line of a name, made if need be.
func (c *Client) lineLocked(name string) *line {
	l := c.lines[name]
	if l == nil {
		l = &line{}
		c.lines[name] = l
	}
	return l
}

// tidyLocked forgets a line that nobody needs.
func (c *Client) tidyLocked(name string) {
	if l := c.lines[name]; l != nil && l.hold == nil && l.spare == nil && l.queued() == 0 {
		delete(c.lines, name)
	}
}

// enqueue joins the line of the call's name.
func (a *acquiring) enqueue() *waiter {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	l := a.c.lineLocked(a.name)
	if l.waiting == nil {
		l.waiting = list.New()
	}
	w := &waiter{turn: make(chan struct{}), group: a.group}
	w.place = l.waiting.PushBack(w)
	if l.waiting.Front() == w.place {
		close(w.turn)
	}
	if l.hold != nil {
		l.hold.showWanted()
	}
	return w
}

// leave gives up the call's place. The next one's turn comes if it was the head. A
// spare that the last one leaves behind is released.
func (a *acquiring) leave(w *waiter) {
	a.c.mu.Lock()
	l := a.c.lines[a.name]
	head := l.waiting.Front() == w.place
	l.waiting.Remove(w.place)
	if next := l.waiting.Front(); head && next != nil {
		close(next.Value.(*waiter).turn)
	}
	if l.queued() == 0 {
		l.waiting = nil
	}
	spare := a.c.dropSpareLocked(l)
	a.c.tidyLocked(a.name)
	a.c.mu.Unlock()
	if spare != nil {
		a.c.discard(spare)
	}
}

// awaitTurn waits until w is the head.
func (a *acquiring) awaitTurn(ctx context.Context, w *waiter) error {
	select {
	case <-w.turn:
		return nil
	default:
	}
	if holder := a.knownHolder(); holder.State != StateUnknown {
		a.tellWaiting(ctx, holder)
	}
	a.c.sleep(ctx, a.waitLeft(), w.turn)
	select {
	case <-w.turn:
		return nil
	default:
		return a.gaveUp(ctx)
	}
}

// awaitOwn waits while this client itself holds the name, which takes no
// request: nobody else can have it. It returns the spare that is left for the call,
// if there is one.
func (a *acquiring) awaitOwn(ctx context.Context) (spare *acquisition, _ error) {
	for {
		a.c.mu.Lock()
		var h *hold
		if l := a.c.lines[a.name]; l != nil {
			h, spare = l.hold, l.spare
		}
		a.c.mu.Unlock()
		if h == nil && (spare == nil || a.o.Wait > 0) {
			return spare, nil
		}
		if h == nil { // others have waited for it
			a.holder = spare.info()
			return nil, a.gaveUp(ctx)
		}
		settled := h.whenSettled()
		if err := h.check(); err != nil && !errors.Is(err, ErrReleased) {
			<-settled // a lost lease does not stand in the way; this takes no request
			continue
		}
		if a.waitLeft() > 0 && ctx.Err() == nil {
			a.tellWaiting(ctx, h.acq.info())
			a.c.sleep(ctx, a.waitLeft(), settled)
		}
		select {
		case <-settled:
			continue
		default:
		}
		a.holder, a.lastErr = h.acq.info(), nil
		if a.waitLeft() <= 0 || ctx.Err() != nil {
			return nil, a.gaveUp(ctx)
		}
	}
}
