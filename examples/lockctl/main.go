// Lockctl runs commands under a distributed lock, and shows and breaks locks.
//
//	lockctl run NAME -- COMMAND…       run COMMAND while holding the lock NAME
//	lockctl ls [PREFIX]                list locks
//	lockctl show NAME                  show one lock
//	lockctl watch [PREFIX]             a table of locks that is kept up to date
//	lockctl break NAME                 take a lock away from its holder
//	lockctl table create|ensure|show|delete
//	lockctl timeline FILE              draw what lockctl run --record has recorded
//	lockctl completion bash|zsh|fish|powershell
//
// The locks are in the DynamoDB table that --table or HOLDFAST_TABLE names, with
// the usual AWS environment; --endpoint names a DynamoDB that is not AWS's. The
// first time: lockctl table ensure.
//
// # Exit statuses
//
// Of run, where everything but the command's own status can be told apart from
// the habits of flock, timeout, env and xargs:
//
//	the command's, if it ran and kept its lock; 128+N if signal N ended it
//	120  refused: another holds the lock; --conflict-exit-code changes it
//	121  lost: the lease ended while the command ran, which was told to end
//	125  lockctl itself failed, or was called wrongly: the command did not run
//	126  the command can't be run
//	127  the command was not found
//	128+N  signal N ended lockctl while it waited for the lock
//
// A release that DynamoDB has not confirmed leaves the command's status as it is;
// the lock is then free when its lease ends.
//
// Of all others: 0, 1 after a failure, 2 when called wrongly.
//
// Reading order: main.go, store.go, run.go, child.go, group_unix.go, record.go;
// then the other commands, a file each, and output.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"
)

// The exit statuses of lockctl's own.
const (
	statusFailure = 1
	statusUsage   = 2

	statusRefused    = 120
	statusLost       = 121
	statusRunFailed  = 125
	statusCannotRun  = 126
	statusNotFound   = 127
	statusBySignal   = 128 // and the signal's number
	defaultTableName = "locks"
)

// The main goroutine stays on the main thread: Linux tells a command that its
// parent has died when the thread has that started it.
func init() { runtime.LockOSThread() }

func main() { os.Exit(execute(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// app is what the commands share.
type app struct {
	in       io.Reader
	out, err io.Writer
	table    string
	endpoint string
	output   format
}

// exitError ends the program with a status. Err is nil where there is nothing to
// tell, or it has been told.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError says that lockctl was called wrongly.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// execute runs one command line and returns the exit status.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: out, err: errOut}
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	usage, _ := errors.AsType[usageError](err)
	status := statusFailure
	switch exit, ok := errors.AsType[*exitError](err); {
	case ok && exit.err == nil:
		return exit.status
	case ok:
		status = exit.status
	case cmd.Name() == "run":
		status = statusRunFailed
	case usage.error != nil:
		status = statusUsage
	}
	a.fail(err, status)
	if usage.error != nil && a.output == formatText {
		fmt.Fprintf(errOut, "usage: %s\n", cmd.UseLine())
	}
	return status
}

// root is the command line.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "lockctl",
		Short:         "Run commands under a distributed lock, see locks and break them",
		Long:          "Lockctl runs commands under a lock that is kept in a DynamoDB table, lists the locks there, and breaks them.\n\nThe first time: lockctl table ensure",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q; lockctl --help lists them", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	table := os.Getenv("HOLDFAST_TABLE")
	if table == "" {
		table = defaultTableName
	}
	flags.StringVar(&a.table, "table", table, "DynamoDB `table` with the locks; default from HOLDFAST_TABLE")
	flags.StringVar(&a.endpoint, "endpoint", "", "`URL` of a DynamoDB that is not AWS's, such as http://127.0.0.1:8000")
	flags.VarP(&a.output, "output", "o", "text or json")
	must(root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	must(root.RegisterFlagCompletionFunc("table", cobra.NoFileCompletions))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.runCommand(), a.listCommand(), a.showCommand(), a.watchCommand(), a.breakCommand(), a.tableCommand(), a.timelineCommand())
	return root
}

// must panics: err would be a mistake in this program.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// names wants from least to most arguments, and says what they are.
func names(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usagef("%d arguments, want %s", len(args), what)
		}
		return nil
	}
}
