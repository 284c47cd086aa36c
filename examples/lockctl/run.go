package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

// running is one lockctl run.
type running struct {
	*app
	name string
	argv []string

	ttl, wait, minHold, maxHold, grace seconds
	noWait, quiet                      bool
	conflict                           int // exit status when refused
	owner, file                        string

	waits  bool // wait is set
	record *recorder

	silence *time.Timer // ends an acquire that hears nothing
	told    atomic.Bool // it was told for whom the run waits
}

// answerTime is how long the store may take to say whether the lock is free.
const answerTime = 10 * time.Second

// seconds is a duration as a flag: 90, 90s or 1m30s.
type seconds time.Duration

func (s *seconds) String() string {
	if *s == 0 {
		return "0" // which the help does not show as a default
	}
	return time.Duration(*s).String()
}

func (s *seconds) Type() string { return "duration" }

func (s *seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if n, ferr := strconv.ParseFloat(text, 64); ferr == nil {
		d, err = time.Duration(n*float64(time.Second)), nil
	}
	if err != nil || d < 0 {
		return errors.New("want a duration such as 90, 90s or 1m30s")
	}
	*s = seconds(d)
	return nil
}

func (a *app) runCommand() *cobra.Command {
	r := &running{app: a, ttl: seconds(locker.DefaultTTL), grace: seconds(10 * time.Second)}
	cmd := &cobra.Command{
		Use:   "run NAME [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command while holding a lock",
		Long: `Run COMMAND while holding the lock NAME, which is renewed until COMMAND has ended,
and then released. It waits for the lock unless told otherwise. Nothing is printed
unless there is something to tell.

COMMAND finds HOLDFAST_NAME and HOLDFAST_TOKEN in its environment: the lock's name,
and the fencing token that whatever COMMAND writes to should check. When the lease is
lost, COMMAND is sent SIGTERM and, after the grace, SIGKILL; without a terminal in the
foreground that goes to all that COMMAND has started and that has not left its process
group. Signals are forwarded to it. When lockctl itself is killed, COMMAND is sent
SIGTERM (on Linux).

Exit statuses: those of COMMAND (128+N if signal N ended it); 120 another holds the
lock; 121 the lease was lost; 125 lockctl failed or was called wrongly; 126 COMMAND
can't be run; 127 COMMAND was not found; 128+N signal N ended the wait for the lock.`,
		Example: `  lockctl run nightly -- ./backup.sh
  lockctl run nightly --no-wait -- ./backup.sh || [ $? -eq 120 ]
  lockctl run report --no-wait --ttl 10m --min-hold 10m -- ./report.sh   # once, on many machines' crontabs`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() != 1 || len(args) < 2 {
				return usagef("want one name, then -- and a command")
			}
			r.waits = cmd.Flags().Changed("wait")
			if r.waits && r.noWait {
				return usagef("--wait and --no-wait exclude each other")
			}
			if r.conflict < 0 || r.conflict > 255 {
				return usagef("--conflict-exit-code %d: want 0 to 255", r.conflict)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r.name, r.argv = args[0], args[1:]
			return r.run(cmd.Context())
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	flags := cmd.Flags()
	flags.Var(&r.ttl, "ttl", "how soon others may take over after a crash")
	flags.VarP(&r.wait, "wait", "w", "how long to wait for the lock; by default until it is free")
	flags.BoolVarP(&r.noWait, "no-wait", "n", false, "don't wait: exit at once when another holds the lock")
	flags.Var(&r.minHold, "min-hold", "keep the lock taken for at least so long, at most the TTL")
	flags.Var(&r.maxHold, "max-hold", "stop renewing after so long, so that a command that hangs loses the lock")
	flags.Var(&r.grace, "grace", "time from SIGTERM to SIGKILL when the lease is lost")
	flags.IntVarP(&r.conflict, "conflict-exit-code", "E", statusRefused, "exit `status` when another holds the lock")
	flags.StringVar(&r.owner, "owner", "", "what others see; by default host, process and command")
	flags.BoolVarP(&r.quiet, "quiet", "q", false, "don't tell for whom it waits")
	flags.StringVar(&r.file, "record", "", "append what happens to `file`, for lockctl timeline")
	return cmd
}

// run holds the lock and runs the command.
func (r *running) run(ctx context.Context) error {
	path, err := exec.LookPath(r.argv[0])
	if err != nil {
		return cannotRun(err) // before anybody has to wait for it
	}
	signals := catch()
	defer signals.stop()
	if r.owner == "" {
		r.owner = ownName(r.argv[0])
	}
	if r.record, err = newRecorder(r.file); err != nil {
		return err
	}
	defer r.record.close()
	l, err := r.open(ctx, func(o *dynamo.Options) {
		o.Owner, o.Observer = r.owner, locker.Observers(r.record.observer(), r.observe)
	})
	if err != nil {
		return err
	}
	defer l.Close(ctx)

	lease, err := r.acquireUnless(ctx, l, signals)
	if err != nil {
		return err
	}
	defer lease.Release(ctx) // again, in case of a panic
	status, err := r.command(path, lease, signals)
	if lost := r.release(ctx, lease); lost != nil {
		return &exitError{statusLost, lost}
	}
	if err != nil {
		return err
	}
	if status != 0 {
		return &exitError{status, nil}
	}
	return nil
}

// acquireUnless acquires the lock unless a signal comes before.
func (r *running) acquireUnless(ctx context.Context, l locker.Locker, signals *signals) (*locker.Lease, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		lease *locker.Lease
		err   error
	}
	got := make(chan result, 1)
	go func() {
		lease, err := r.acquire(ctx, l)
		got <- result{lease, err}
	}()
	for {
		select {
		case res := <-got:
			return res.lease, res.err
		case sig := <-signals.c:
			if !endsWait(sig) {
				continue
			}
			cancel()
			if res := <-got; res.lease != nil {
				res.lease.Release(ctx)
			}
			return nil, &exitError{statusBySignal + int(sig.(syscall.Signal)), nil}
		}
	}
}

// acquire takes the lock. A run that waits, but for no holder since the store does not
// answer, ends soon: it would hang without a word.
func (r *running) acquire(ctx context.Context, l locker.Locker) (*locker.Lease, error) {
	start := time.Now()
	opts := []locker.Option{locker.WithTTL(time.Duration(r.ttl)), locker.WithMinHold(time.Duration(r.minHold)), locker.WithMaxHold(time.Duration(r.maxHold))}
	switch {
	case r.noWait:
		opts = append(opts, locker.NoWait())
	case r.waits:
		opts = append(opts, locker.WithWait(time.Duration(r.wait)))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := fmt.Errorf("no answer within %v", answerTime)
	r.silence = time.AfterFunc(answerTime, func() { cancel(silent) })
	defer r.silence.Stop()
	lease, err := l.Acquire(ctx, r.name, opts...)
	switch {
	case err == nil && r.told.Load():
		r.note("acquired", fmt.Sprintf("acquired %q after %v", r.name, tidy(time.Since(start))), map[string]any{"name": r.name, "token": int64(lease.Token())})
	case err != nil && context.Cause(ctx) == silent && !errors.Is(err, locker.ErrUnavailable):
		err = fmt.Errorf("%w: %w", err, locker.ErrUnavailable)
	}
	return lease, r.refused(err)
}

// observe tells for whom the run waits, once: a crowd may hold the lock in turn.
func (r *running) observe(_ context.Context, e locker.Event) {
	if e.Kind != locker.EventWaiting {
		return
	}
	r.silence.Stop()
	if !r.quiet && !r.told.Swap(true) {
		r.note("waiting", fmt.Sprintf("waiting for %q, held by %s", r.name, holder(e.Holder)), map[string]any{"lock": newLock(e.Holder, nil)})
	}
}

// refused gives the refusal by a holder its status.
func (r *running) refused(err error) error {
	held, ok := errors.AsType[*locker.HeldError](err)
	switch {
	case !ok:
		return err
	case r.quiet:
		return &exitError{r.conflict, nil}
	}
	return &exitError{r.conflict, fmt.Errorf("%q is held by %s", r.name, holder(held.Holder))}
}

// release releases the lock and returns the loss, if the lease was lost before.
func (r *running) release(ctx context.Context, lease *locker.Lease) (lost error) {
	err := lease.Release(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, locker.ErrLost):
		return err
	}
	r.note("not released", fmt.Sprintf("%v; the lock is free when its lease of %v has ended", err, time.Duration(r.ttl)), map[string]any{"name": r.name})
	return nil
}

// cannotRun gives a command that can't be started its status, as env has it.
func cannotRun(err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return &exitError{statusNotFound, err}
	}
	return &exitError{statusCannotRun, err}
}

// ownName is what others see unless told otherwise.
func ownName(command string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	name := fmt.Sprintf("%s/%d %s", host, os.Getpid(), command)
	if len(name) > locker.MaxOwnerBytes {
		name = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	return name
}
