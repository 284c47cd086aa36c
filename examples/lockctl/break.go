package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

func (a *app) breakCommand() *cobra.Command {
	var token string
	var freeNow bool
	cmd := &cobra.Command{
		Use:   "break NAME",
		Short: "Take a lock away from its holder",
		Long: `Take a lock away from its holder: renewals are refused from now on, so that the
holder loses it, and the name becomes free when the lease would have ended. Who has
acquired the lock since it was looked at keeps it.

It asks before, unless --token names the token of the holder to break, as lockctl
show prints it: the last that the holder may use, so HOLDFAST_TOKEN may be lower.`,
		Args: names(1, 1, "the name of a lock"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, l *dynamo.Locker) error {
				return a.breakLock(ctx, l, args[0], token, freeNow)
			})
		},
		ValidArgsFunction: a.completeNames,
	}
	cmd.Flags().StringVar(&token, "token", "", "break the holder with this `token`, and nobody else, without asking")
	cmd.Flags().BoolVar(&freeNow, "free-now-even-if-two-believe", false, "free the lock at once: the holder may go on believing in it for up to a TTL")
	must(cmd.RegisterFlagCompletionFunc("token", cobra.NoFileCompletions))
	return cmd
}

// broken is what came of break, for programs.
type broken struct {
	Broken bool `json:"broken"` // false: there was nothing to break
	Lock   lock `json:"lock"`   // as it was before
}

func (a *app) breakLock(ctx context.Context, l *dynamo.Locker, name, token string, freeNow bool) error {
	var want locker.Token
	if token != "" {
		var err error
		if want, err = locker.ParseToken(token); err != nil {
			return usageError{err}
		}
	}
	info, err := l.Inspect(ctx, name)
	if err != nil {
		return err
	}
	switch {
	case info.State == locker.StateFree:
		return a.print(broken{false, newLock(info, nil)}, func() { fmt.Fprintf(a.out, "%q is free: nothing to break\n", name) })
	case token != "" && info.Token != want:
		return fmt.Errorf("%q is not held with token %v any more, but by %s; nothing was changed", name, want, holder(info))
	case token == "":
		if err := a.confirm(fmt.Sprintf("%q is held by %s.\nThe holder's work is not stopped before it notices. Break it", name, holder(info)), "yes", "give --token "+info.Token.String()+" to break the present holder"); err != nil {
			return err
		}
	}
	var opts []locker.BreakOption
	if freeNow {
		opts = append(opts, locker.FreeNow())
	}
	if err := l.Break(ctx, info, opts...); err != nil {
		return err
	}
	after, err := l.Inspect(ctx, name)
	if err != nil {
		return fmt.Errorf("it was broken, but what it is like now is not known: %w", err)
	}
	return a.print(broken{true, newLock(info, nil)}, func() {
		if after.State == locker.StateFree {
			fmt.Fprintf(a.out, "broken; %q is free\n", name)
			return
		}
		fmt.Fprintf(a.out, "broken; the lease of %q ends %s\n", name, ends(after))
	})
}

// confirm asks, and wants the answer. Where nobody can be asked it says what to do
// instead.
func (a *app) confirm(question, answer, instead string) error {
	file, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return usagef("there is no terminal to ask on: %s", instead)
	}
	fmt.Fprintf(a.err, "%s? Type %s: ", question, answer)
	line, err := bufio.NewReader(file).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != answer {
		return errors.New("nothing was changed")
	}
	return nil
}
