package locker

import "context"

// Prefix returns a Locker that puts prefix before every name, to keep the locks
// of a program's parts apart: Prefix(l, "billing/"). Limits hold for the whole
// name, and [Lease.Name] returns it.
func Prefix(l Locker, prefix string) Locker {
	return LockerFunc(func(ctx context.Context, name string, opts ...Option) (*Lease, error) {
		if name == "" {
			return nil, CheckName(name)
		}
		return l.Acquire(ctx, prefix+name, opts...)
	})
}
