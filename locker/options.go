package locker

import (
	"math"
	"time"
)

// DefaultTTL is the TTL of a lease for which nobody chose one.
const DefaultTTL = 30 * time.Second

// Forever is, as [Options].Wait, to wait until ctx is done.
const Forever time.Duration = math.MaxInt64

// Options is what one call of [Locker.Acquire] asks for. Callers set it with
// the functions of type [Option]; implementations and middleware read it with
// [Resolve].
type Options struct {
	// TTL is the length of the lease from its last renewal: how soon others may
	// take over after a crash. From the backend's minimum to 24 h.
	TTL time.Duration

	// Wait is how long to wait for a holder: 0 not at all, [Forever] until ctx
	// is done.
	Wait time.Duration

	// MinHold is how long the name stays taken at least, counted from the
	// acquisition, even if the lease is released before. At most TTL; 0 for
	// no minimum.
	MinHold time.Duration

	// MaxHold is how long the lease is renewed at most, counted from the
	// acquisition; 0 for no maximum.
	MaxHold time.Duration

	// Owner is what others are told about the holder, up to 1,024 bytes of
	// valid UTF-8. Empty: the Locker's own default, which names host and process.
	Owner string

	// Data is stored with the lease for others to inspect, up to 4,096 bytes.
	Data []byte

	// NoRenewal turns the renewal in the background off.
	NoRenewal bool

	// RequireFencing makes Acquire fail with [ErrNoFencing] where the Locker
	// can't promise rising tokens.
	RequireFencing bool
}

// Option changes one of the [Options] of a call. When two set the same field
// the later one wins.
type Option func(*Options)

// Resolve returns the defaults (a TTL of [DefaultTTL], waiting [Forever]) with
// opts applied to them in order. Nil options are skipped. It checks nothing.
func Resolve(opts ...Option) Options {
	return resolve(Options{TTL: DefaultTTL, Wait: Forever}, opts)
}

func resolve(o Options, opts []Option) Options {
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// WithTTL sets the length of the lease from its last renewal, and with it how
// soon others may take over after a crash. The default is the Locker's own,
// [DefaultTTL] unless it was configured. 0 is outside of the limits.
func WithTTL(d time.Duration) Option { return func(o *Options) { o.TTL = d } }

// WithWait sets how long to wait for a holder. The wait ends earlier when ctx
// is done. A request on its way when the wait ends is awaited. The wait is for a
// holder: a store that does not answer is asked again for up to min(TTL/2, 5 s) even
// if that is longer.
func WithWait(d time.Duration) Option { return func(o *Options) { o.Wait = d } }

// NoWait refuses at once, with a [*HeldError], when another holds the lock.
// It is WithWait(0); see [TryAcquire].
func NoWait() Option { return WithWait(0) }

// WithMinHold keeps the name taken for at least d from the acquisition, even
// if the lease is released before: a scheduled job that is done in a second
// does not run again on a machine whose clock is late. d is at most the TTL. A lease
// that is lost lasts for its TTL anyway.
func WithMinHold(d time.Duration) Option { return func(o *Options) { o.MinHold = d } }

// WithMaxHold stops the renewal d after the acquisition, so that a holder that
// hangs loses the lock: at the latest one TTL after that. 0 is no limit.
func WithMaxHold(d time.Duration) Option { return func(o *Options) { o.MaxHold = d } }

// WithOwner sets what others are told about the holder, up to 1,024 bytes.
func WithOwner(owner string) Option { return func(o *Options) { o.Owner = owner } }

// WithData stores a copy of b, up to 4,096 bytes, with the lease for others to inspect.
// [Lease.SetData] replaces it.
func WithData(b []byte) Option { return func(o *Options) { o.Data = b } }

// WithoutRenewal turns the renewal in the background off: the lease ends one
// TTL after it was acquired, or renewed by [Lease.Renew] or [Lease.Ensure].
func WithoutRenewal() Option { return func(o *Options) { o.NoRenewal = true } }

// RequireFencing makes Acquire fail with [ErrNoFencing], before anything is
// sent, where the Locker can't promise that tokens rise.
func RequireFencing() Option { return func(o *Options) { o.RequireFencing = true } }
