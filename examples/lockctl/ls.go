package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

func (a *app) listCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "ls [PREFIX]",
		Aliases: []string{"list"},
		Short:   "List locks",
		Long:    "List the locks whose names begin with PREFIX, those that are held or were not released.\n\nIt reads the whole table, whatever the prefix, at half a read unit for each 4 KB.",
		Args:    names(0, 1, "at most a prefix"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, l *dynamo.Locker) error {
				locks, err := list(ctx, l, first(args), all)
				if err != nil {
					return err
				}
				return a.print(locks, func() { writeTable(a.out, locks) })
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "list free locks too, as long as the table has their items")
	return cmd
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// list returns locks by name. One that can't be read has its error.
func list(ctx context.Context, l *dynamo.Locker, prefix string, all bool) ([]lock, error) {
	locks := []lock{} // none is [] in JSON
	for info, err := range l.List(ctx, prefix) {
		if err != nil && info.Name == "" {
			return nil, err
		}
		if all || err != nil || info.State != locker.StateFree {
			locks = append(locks, newLock(info, err))
		}
	}
	slices.SortFunc(locks, func(a, b lock) int { return cmp.Compare(a.Name, b.Name) })
	return locks, nil
}

// writeTable writes locks for people.
func writeTable(w io.Writer, locks []lock) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSTATE\tOWNER\tTOKEN\tHELD FOR\tENDS\t")
	for _, l := range locks {
		if l.Error != "" {
			fmt.Fprintf(t, "%s\t%s\t%s\t\t\t\t\n", printable(l.Name), "damaged", printable(l.Error))
			continue
		}
		state, held := l.State, ""
		if l.Broken {
			state += ", broken"
		}
		if l.Acquired != nil && l.State == "held" {
			held = max(0, time.Since(*l.Acquired)).Round(time.Second).String()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", printable(l.Name), state, printable(l.Owner), strconv.FormatInt(l.Token, 10), held, l.ends())
	}
	t.Flush()
}

func (l lock) ends() string {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	info := locker.Info{Remaining: seconds(l.Remaining), Doubt: seconds(l.Doubt)}
	switch l.State {
	case locker.StateFree.String():
		info.State = locker.StateFree
	case locker.StateDead.String():
		info.State = locker.StateDead
	}
	return ends(info)
}

// printable makes one line without control characters of text that others wrote.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show one lock",
		Long:  "Show who holds a lock, by a strongly consistent read.",
		Args:  names(1, 1, "the name of a lock"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, l *dynamo.Locker) error {
				info, err := l.Inspect(ctx, args[0])
				if err != nil {
					return err
				}
				return a.print(newLock(info, nil), func() { writeLock(a.out, info) })
			})
		},
		ValidArgsFunction: a.completeNames,
	}
}

// writeLock writes one lock for people.
func writeLock(w io.Writer, info locker.Info) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(has bool, what string, v any) {
		if has {
			fmt.Fprintf(t, "%s:\t%v\n", what, v)
		}
	}
	line(true, "name", printable(info.Name))
	line(true, "state", info.State)
	line(info.Owner != "", "owner", printable(info.Owner))
	line(info.Token != 0, "token", info.Token)
	line(info.TTL != 0, "ttl", info.TTL)
	line(!info.Acquired.IsZero(), "acquired", info.Acquired.Local().Format(time.RFC3339))
	line(info.State != locker.StateFree, "ends", ends(info))
	line(isBroken(info), "broken", "yes; its holder's next renewal is refused")
	line(len(info.Data) > 0, "data", strconv.Quote(string(info.Data)))
	line(info.AcquisitionID != "", "id", info.AcquisitionID)
	t.Flush()
}

// completeNames completes names of locks, some at most: it reads the table.
func (a *app) completeNames(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	l, err := a.open(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer l.Close(ctx)
	var found []string
	for info, err := range l.List(ctx, toComplete) {
		if err != nil || len(found) == 100 {
			break
		}
		found = append(found, info.Name)
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
