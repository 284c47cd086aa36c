package locker

import "sync"

// group counts goroutines at work, so that Close can wait for them. Unlike a
// sync.WaitGroup it may be waited for together with a context, and used again
// while somebody waits. The zero group is ready to use.
type group struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n falls to 0; nil if nobody asked
}

// spawn runs f in a goroutine that counts.
func (g *group) spawn(f func()) {
	g.enter()
	go func() {
		defer g.leave()
		f()
	}()
}

// enter counts the calling goroutine until it calls leave.
func (g *group) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
}

func (g *group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n--
	if g.n == 0 && g.none != nil {
		close(g.none)
		g.none = nil
	}
}

// idle returns a channel that is closed when no goroutine of the group runs.
func (g *group) idle() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n == 0 {
		none := make(chan struct{})
		close(none)
		return none
	}
	if g.none == nil {
		g.none = make(chan struct{})
	}
	return g.none
}
