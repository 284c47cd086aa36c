package locker

// latch is a channel that is closed once, and made only when somebody wants to
// wait for that: an idle lease has none. The owner's mutex guards it.
type latch struct{ ch chan struct{} }

// opened is the channel of every latch that is open.
var opened = func() chan struct{} {
	ch := make(chan struct{})
	close(ch)
	return ch
}()

// wait returns the channel.
func (l *latch) wait() <-chan struct{} {
	if l.ch == nil {
		l.ch = make(chan struct{})
	}
	return l.ch
}

// release closes the channel, the first time.
func (l *latch) release() {
	if l.ch != nil && l.ch != opened {
		close(l.ch)
	}
	l.ch = opened
}
