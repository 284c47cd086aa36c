package locker

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"example.com/holdfast/internal/moment"
)

// ClientOptions configures a [Client]. The zero value is ready to use; each
// field says what its zero value means.
type ClientOptions struct {
	// Clock is the time that the Client lives by. Nil: a [SystemClock].
	Clock Clock

	// Observer is told of what happens; see [Observer]. Nil: nobody is.
	Observer Observer

	// DefaultTTL is the TTL of leases for which nobody chose one. Zero: [DefaultTTL].
	DefaultTTL time.Duration

	// MinTTL is the shortest TTL that the backend can serve. Zero: 1 ms with
	// InProcess, else 100 ms, which is also the least.
	MinTTL time.Duration

	// Owner names this process to others, up to 1,024 bytes. Empty: host name
	// and process id.
	Owner string

	// Fencing says that the backend's tokens rise strictly in the order of its
	// grants. False: they may not, and [RequireFencing] is refused.
	Fencing bool

	// InProcess says that the backend lives in this process: its leases end by
	// the same Clock and its methods return at once. A lease is then believed in
	// for the whole of its TTL, and renewals run in the Clock's own callback, so
	// that a test which moves the clock sees them done; and the first retry of a
	// try to acquire or release comes at once. False: none of that.
	InProcess bool

	// MaxLocalHold is for how long calls of this Client go on handing a name to each
	// other once it is known that another process waits for it, and about how often
	// the Client asks while they do. Zero or less: [DefaultMaxLocalHold].
	MaxLocalHold time.Duration

	// SharedHeartbeat renews the leases of this Client by one write for all of a
	// TTL, in place of one for each: a lease that lasts longer than a third of its TTL is
	// bound, by one write, to a record that stands for the Client, its session. Leases
	// with a MaxHold are not, those with a MinHold when that is over. Who breaks a lease that is bound breaks the session, and
	// all that depend on it; that somebody deleted or changed the record of one is
	// noticed when it is released. For a backend that is a [Binder]; others ignore it.
	// False: each lease is renewed by itself.
	SharedHeartbeat bool

	// Rand supplies the random bits of IDs and jitter, for tests that must be
	// repeatable; it is called by several goroutines at once. Nil: crypto/rand.
	Rand func() uint64
}

// Client makes a [Locker] of a [Backend]. All that is not the store's business
// is written here, once: the queue of those who wait, retries, the memory of
// what was seen, renewal and expiry.
//
// Create it with [New]. Its methods are safe for use by several goroutines.
type Client struct {
	backend  Backend
	poller   Poller   // nil if backend is none
	notifier Notifier // nil if backend is none
	marker   Marker   // nil if backend is none
	binder   Binder   // nil if backend is none, or leases don't share a heartbeat
	groups   grouping // what AcquireAll makes of the backend
	opts     ClientOptions
	reader   moment.Reader

	life context.Context         // done once Close was called
	kill context.CancelCauseFunc // ends life

	background group    // calls of Acquire and Release, and goroutines that outlive the call that started them
	schedule   schedule // what is due when for every hold
	dropped    *dropped // leases nobody has a handle of any more

	mu    sync.Mutex
	lines map[string]*line // by name: who waits here, and what this client holds
	seen  sightings

	holds    recent[time.Duration]      // by name: how long others held it, about
	yields   recent[time.Duration]      // by name: until when it is left to others, on the monotonic clock
	sessions map[time.Duration]*session // by TTL: what new leases are bound to
}

// New returns a Client on b. It starts nothing and sends nothing. A b that also
// is a [Poller], [Notifier], [Marker], [Binder] or [Grouper] is used as such. Nil
// functions are skipped.
func New(b Backend, optFns ...func(*ClientOptions)) *Client {
	var o ClientOptions
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	o.setDefaults()
	c := &Client{backend: b, opts: o, reader: moment.NewReader(o.Clock), lines: make(map[string]*line), dropped: new(dropped)}
	c.poller, _ = b.(Poller)
	c.notifier, _ = b.(Notifier)
	c.marker, _ = b.(Marker)
	c.groups.backend, _ = b.(Grouper)
	if o.SharedHeartbeat {
		c.binder, _ = b.(Binder)
	}
	c.life, c.kill = context.WithCancelCause(context.Background())
	return c
}

func (o *ClientOptions) setDefaults() {
	if o.Clock == nil {
		o.Clock = SystemClock()
	}
	if o.DefaultTTL == 0 {
		o.DefaultTTL = DefaultTTL
	}
	o.MinTTL = max(o.MinTTL, time.Millisecond)
	if !o.InProcess {
		o.MinTTL = max(o.MinTTL, 100*time.Millisecond)
	}
	if o.Owner == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown host"
		}
		o.Owner = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	if o.MaxLocalHold <= 0 {
		o.MaxLocalHold = DefaultMaxLocalHold
	}
	if o.Rand == nil {
		o.Rand = func() uint64 {
			var b [8]byte
			rand.Read(b[:]) // never fails: it ends the program instead
			return binary.NativeEndian.Uint64(b[:])
		}
	}
}

// Inspect returns what the store knows of name, by a strongly consistent read.
// A name that nobody holds is not an error: its State is [StateFree].
//
// Errors: [*InvalidError] for a name that can't be one, [errors.ErrUnsupported]
// when the backend is no [Inspector], and the backend's own; those that wrap
// [ErrUnavailable] may pass. Inspect makes one try, bounded by ctx.
func (c *Client) Inspect(ctx context.Context, name string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, err
	}
	inspector, ok := c.backend.(Inspector)
	if !ok {
		return Info{}, fmt.Errorf("locker: inspect %q: %w", name, errors.ErrUnsupported)
	}
	return inspector.Inspect(ctx, name)
}

// closers is how many leases Close releases at once.
const closers = 64

// Close ends the Client: calls of Acquire that wait return [ErrClosed], later
// ones too, and every lease is released, many at once. Leases whose turn has
// not come yet are still renewed. It returns when all of that has ended and
// nothing runs in the background any more, or when ctx is done; what is left then
// goes on in the background.
//
// A ctx that is done already does not keep Close from releasing: it waits for up
// to 5 s all the same. The errors of all releases are joined, with ctx's if Close
// did not wait to the end. Closing again waits for what is left.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.kill(errClosing)
	var holds []*hold
	for _, l := range c.lines {
		if l.hold != nil {
			holds = append(holds, l.hold)
		}
	}
	c.mu.Unlock()

	var mu sync.Mutex
	var errs []error
	todo := make(chan *hold, len(holds))
	for _, h := range holds {
		todo <- h
	}
	close(todo)
	n := max(1, min(closers, len(holds)))
	var left atomic.Int64
	left.Store(int64(n))
	for range n {
		c.background.spawn(func() {
			defer func() {
				if left.Add(-1) == 0 {
					c.closeSessions() // nobody believes in what is bound
				}
			}()
			for h := range todo {
				if err := h.releaseNow(ctx, errClosing); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	late := c.awaitIdle(ctx)
	c.schedule.stop()
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(append(errs, late)...)
}

// awaitIdle waits until nothing runs in the background, until ctx is done but for
// releaseBound in any case; then it returns ctx's error.
func (c *Client) awaitIdle(ctx context.Context) error {
	idle := c.background.idle()
	c.sleep(context.Background(), releaseBound, idle)
	select {
	case <-idle:
		return nil
	default:
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("locker: close: not everything has ended: %w", contextError(ctx))
	}
}

// now reads the clocks.
func (c *Client) now() moment.Reading { return c.reader.Read() }

// mono reads the monotonic clock alone.
func (c *Client) mono() time.Duration { return c.reader.Mono() }

// emit tells the observer, if there is one and something to tell. No lock is
// held, and what keeps leases alive has been done before.
func (c *Client) emit(ctx context.Context, e Event) {
	if c.opts.Observer != nil {
		c.opts.Observer(ctx, e)
	}
}

// tell emits several events.
func (c *Client) tell(ctx context.Context, events []Event) {
	for _, e := range events {
		c.emit(ctx, e)
	}
}

// sleep waits until d has passed, wake is closed or ctx is done. A nil wake
// never wakes.
func (c *Client) sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	var over chan struct{}
	if d < Forever {
		over = make(chan struct{})
		t := c.opts.Clock.AfterFunc(d, func() { close(over) })
		defer t.Stop()
	}
	select {
	case <-over:
	case <-wake:
	case <-ctx.Done():
	}
}

// bounded returns a context that ends after d as well. A backend in this process
// needs no such bound.
func (c *Client) bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if c.opts.InProcess {
		return ctx, cancel
	}
	t := c.opts.Clock.AfterFunc(d, cancel)
	return ctx, func() {
		t.Stop()
		cancel()
	}
}

// jitter returns d times a random factor between 0.75 and 1.25.
func (c *Client) jitter(d time.Duration) time.Duration {
	const steps = 1024
	return d*3/4 + d/2*time.Duration(c.opts.Rand()%steps)/steps
}
