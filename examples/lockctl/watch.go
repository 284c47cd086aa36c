package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/holdfast/dynamo"
)

func (a *app) watchCommand() *cobra.Command {
	var all bool
	every := seconds(2 * time.Second)
	cmd := &cobra.Command{
		Use:   "watch [PREFIX]",
		Short: "Show a table of locks that is kept up to date",
		Long:  "Show the locks whose names begin with PREFIX, again and again, until it is interrupted.\n\nEach time it reads the whole table, whatever the prefix, at half a read unit for each 4 KB. Where standard output is no terminal the tables follow each other; with --output json each is a line.",
		Args:  names(0, 1, "at most a prefix"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if every < seconds(100*time.Millisecond) {
				return usagef("--every %v: want at least 100ms", time.Duration(every))
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			l, err := a.open(ctx)
			if err != nil {
				return err
			}
			defer l.Close(context.WithoutCancel(ctx))
			return a.watch(ctx, l, first(args), all, time.Duration(every))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show free locks too")
	cmd.Flags().Var(&every, "every", "time between looks")
	return cmd
}

// watch looks until ctx is done. An error of the first look is returned; later
// ones are shown, since they may pass.
func (a *app) watch(ctx context.Context, l *dynamo.Locker, prefix string, all bool, every time.Duration) error {
	file, isFile := a.out.(*os.File)
	screen := isFile && term.IsTerminal(int(file.Fd()))
	for n := 0; ; n++ {
		bound, cancel := context.WithTimeout(ctx, lookTime)
		locks, err := list(bound, l, prefix, all)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && n == 0:
			return err
		case a.output == formatJSON:
			line := map[string]any{"time": time.Now().UTC(), "locks": locks}
			if err != nil {
				line["error"] = err.Error()
			}
			if err := json.NewEncoder(a.out).Encode(line); err != nil {
				return err
			}
		default:
			if _, err := a.out.Write(frame(locks, err, every, screen, n == 0)); err != nil {
				return err
			}
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return nil
		}
	}
}

// frame is one look, for people. On a screen it takes the place of the one before.
func frame(locks []lock, err error, every time.Duration, screen, first bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  locks: %d, every %v\n\n", time.Now().Format(time.TimeOnly), len(locks), every)
	if err != nil {
		fmt.Fprintf(&b, "the last look failed: %s\n", printable(err.Error()))
	} else {
		writeTable(&b, locks)
	}
	if !screen {
		b.WriteByte('\n')
		return b.Bytes()
	}
	const home, clearLine, clearRest, clearAll = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"
	text := home + strings.ReplaceAll(b.String(), "\n", clearLine+"\n") + clearRest
	if first {
		text = clearAll + text
	}
	return []byte(text)
}
