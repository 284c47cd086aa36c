package linear

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/holdfast/locker"
)

// style is what a worker does with a lease.
type style int

const (
	brief  style = iota // release soon
	long                // hold for longer than the TTL, renewed, then release
	lapse               // never renew, and hold until it is lost
	cutOff              // lose the store while holding, then hold until it is lost or release
	longer              // make the lease longer, and then shorter again
)

// styles are drawn from. A lease that lapses is what several others want to take
// over at one moment.
var styles = []style{brief, brief, long, lapse, lapse, lapse, cutOff, longer}

// task is one order of a worker's script.
type task struct {
	name  string
	pause time.Duration // before it
	wait  time.Duration // for a holder; 0: not at all
	style style
	work  time.Duration
}

// script draws the orders of one worker.
func script(rng *rand.Rand, names []string, ttl time.Duration, tasks int) []task {
	between := func(from, to time.Duration) time.Duration { return from + time.Duration(rng.Int64N(int64(to-from))) }
	s := make([]task, tasks)
	for i := range s {
		s[i] = task{
			name:  names[rng.IntN(len(names))],
			pause: between(0, ttl/2),
			wait:  between(ttl, 4*ttl+time.Second),
			style: styles[rng.IntN(len(styles))],
			work:  between(0, ttl/2),
		}
		if rng.IntN(5) == 0 {
			s[i].wait = 0
		}
		if s[i].style == long || s[i].style == cutOff {
			s[i].work = between(ttl, 2*ttl)
		}
	}
	return s
}

// worker carries out a script, with one goroutine of a client.
type worker struct {
	h    *history
	fig  *figures
	l    locker.Locker
	n    *network
	ttl  time.Duration
	lane int
	who  string
}

func (w *worker) run(tasks []task) error {
	for _, t := range tasks {
		time.Sleep(t.pause)
		if err := w.do(t); err != nil {
			return err
		}
	}
	return nil
}

// do carries out one order and writes down what was seen of it. An error is
// something that must not happen at all.
func (w *worker) do(t task) error {
	opts := []locker.Option{locker.WithTTL(w.ttl), locker.WithWait(t.wait), locker.RequireFencing()}
	if t.style == lapse {
		opts = append(opts, locker.WithoutRenewal())
	}
	in := input{kind: acquire, name: t.name, who: w.who}
	call := w.h.now()
	lease, err := w.l.Acquire(context.Background(), t.name, opts...)
	ret := w.h.now()
	switch {
	case err == nil:
		w.h.leased(lease)
		w.h.add(w.lane, in, output{result: granted, token: lease.Token()}, call, ret)
		w.fig.count("granted")
		return w.hold(t, lease)
	case errors.Is(err, locker.ErrHeld) && t.wait == 0:
		w.h.add(w.lane, in, output{result: refused}, call, ret)
		w.fig.count("refused")
	case errors.Is(err, locker.ErrHeld):
		w.h.add(w.lane, in, output{result: waited}, call, ret)
		w.fig.count("gave up waiting")
	case errors.Is(err, locker.ErrUnavailable):
		w.h.add(w.lane, in, output{result: unclear}, call, ret) // what it left behind is a stray
		w.fig.count("store did not answer")
	default:
		return fmt.Errorf("%s: acquire %q: %w", w.who, t.name, err)
	}
	return nil
}

// hold works under a lease and ends it. The belief ends somewhere between the
// last moment at which the lease was seen to hold and the answer that it does not.
func (w *worker) hold(t task, lease *locker.Lease) error {
	believed := w.h.now() // at the latest: Acquire has just returned
	if lease.Err() != nil {
		return w.ended(lease, believed, left)
	}
	switch t.style {
	case cutOff:
		w.n.cut(t.work)
	case lapse:
		t.work = time.Hour
	case longer:
		// Whether these arrive or not, the belief has to agree with the store.
		_ = lease.Ensure(context.Background(), 2*w.ttl)
		_ = lease.Renew(context.Background())
	}
	for begin := time.Now(); time.Since(begin) < t.work; time.Sleep(3 * time.Millisecond) {
		now := w.h.now()
		if lease.Err() != nil {
			w.fig.count("lost")
			return w.ended(lease, believed, left)
		}
		believed = now
	}
	if now := w.h.now(); lease.Err() == nil {
		believed = now
	}
	err := lease.Release(context.Background())
	var failed *locker.ReleaseError
	switch {
	case err == nil && w.h.wasHanded(lease):
		w.fig.count("handed over")
		return w.ended(lease, believed, left)
	case err == nil:
		return w.ended(lease, believed, freed)
	case errors.Is(err, locker.ErrLost), errors.As(err, &failed):
		return w.ended(lease, believed, left)
	}
	return fmt.Errorf("%s: release %q: %w", w.who, t.name, err)
}

// ended writes down the end of a lease, which its worker has just noticed.
func (w *worker) ended(lease *locker.Lease, believed int64, how result) error {
	w.h.add(w.lane, input{kind: end, name: lease.Name(), token: lease.Token(), who: w.who}, output{result: how}, believed, w.h.now())
	if err := lease.Err(); err == nil {
		return fmt.Errorf("%s: the lease with token %v on %q is over, and believes again", w.who, lease.Token(), lease.Name())
	}
	return nil
}
