package locker

// latch is a channel that is closed once, and made only when somebody wants to
// wait for that: an idle lease has none. The owner's mutex guards it.
type latch struct {
	ch   chan struct{}
	open bool
}

// wait returns the channel.
func (l *latch) wait() <-chan struct{} {
	if l.ch == nil {
		l.ch = make(chan struct{})
		if l.open {
			close(l.ch)
		}
	}
	return l.ch
}

// release closes the channel, the first time.
func (l *latch) release() {
	if l.open {
		return
	}
	l.open = true
	if l.ch != nil {
		close(l.ch)
	}
}
