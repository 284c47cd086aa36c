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
	waiting list.List // of *waiter
	hold    *hold     // this client's own, until its end is settled
	holder  *Info     // as last seen by anybody in the line; nil if never
}

// waiter is a call's place in a line. Its turn is closed when it becomes the head.
type waiter struct {
	turn  chan struct{}
	place *list.Element
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
	if l := c.lines[name]; l != nil && l.hold == nil && l.waiting.Len() == 0 {
		delete(c.lines, name)
	}
}

// enqueue joins the line of the call's name.
func (a *acquiring) enqueue() *waiter {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	l := a.c.lineLocked(a.name)
	w := &waiter{turn: make(chan struct{})}
	w.place = l.waiting.PushBack(w)
	if l.waiting.Front() == w.place {
		close(w.turn)
	}
	return w
}

// leave gives up the call's place. The next one's turn comes if it was the head.
func (a *acquiring) leave(w *waiter) {
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	l := a.c.lines[a.name]
	head := l.waiting.Front() == w.place
	l.waiting.Remove(w.place)
	if next := l.waiting.Front(); head && next != nil {
		close(next.Value.(*waiter).turn)
	}
	a.c.tidyLocked(a.name)
}

// awaitTurn waits until w is the head.
func (a *acquiring) awaitTurn(ctx context.Context, w *waiter) error {
	select {
	case <-w.turn:
		return nil
	default:
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
// request: nobody else can have it.
func (a *acquiring) awaitOwn(ctx context.Context) error {
	for {
		a.c.mu.Lock()
		var h *hold
		if l := a.c.lines[a.name]; l != nil {
			h = l.hold
		}
		a.c.mu.Unlock()
		if h == nil {
			return nil
		}
		settled := h.whenSettled()
		if err := h.check(); err != nil && !errors.Is(err, ErrReleased) {
			<-settled // a lost lease does not stand in the way; this takes no request
			continue
		}
		if a.waitLeft() > 0 && ctx.Err() == nil {
			a.c.sleep(ctx, a.waitLeft(), settled)
		}
		select {
		case <-settled:
			continue
		default:
		}
		a.saw(h.info())
		if a.waitLeft() <= 0 || ctx.Err() != nil {
			return a.gaveUp(ctx)
		}
	}
}
