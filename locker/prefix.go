package locker

import "context"

// Prefix returns a Locker that puts prefix before every name, to keep the locks
// of a program's parts apart: Prefix(l, "billing/"). Limits hold for the whole
// name, and [Lease.Name] returns it.
func Prefix(l Locker, prefix string) Locker { return prefixed{l, prefix} }

// prefixed is what Prefix makes.
type prefixed struct {
	next   Locker
	prefix string
}

func (p prefixed) Acquire(ctx context.Context, name string, opts ...Option) (*Lease, error) {
	if name == "" {
		return nil, CheckName(name)
	}
	return acquireFrom(ctx, p.next, p.prefix+name, opts...)
}

func (p prefixed) AcquireAll(ctx context.Context, names []string, opts ...Option) (*Group, error) {
	full := make([]string, len(names))
	for i, name := range names {
		if name == "" {
			return nil, CheckName(name)
		}
		full[i] = p.prefix + name
	}
	return AcquireAll(ctx, p.next, full, opts...)
}
