package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.com/holdfast/internal/timeline"
)

func (a *app) timelineCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "timeline FILE",
		Short: "Draw what was recorded",
		Long: `Draw who waited, who held, take-overs, losses and tokens as one page of HTML that
needs nothing else.

FILE is what lockctl run --record has written, or any log that a slog.JSONHandler
wrote of locker.SlogObserver, among other lines too; "-" is standard input. Logs of
several processes may be joined in any order.`,
		Args: names(1, 1, "a file of recorded events"),
		RunE: func(_ *cobra.Command, args []string) error { return a.draw(args[0], to) },
	}
	cmd.Flags().StringVar(&to, "to", "", "`file` to write; by default FILE with the ending .html, or standard output")
	return cmd
}

func (a *app) draw(from, to string) error {
	in, title := a.in, "locks"
	if from != "-" {
		file, err := os.Open(from)
		if err != nil {
			return err
		}
		defer file.Close()
		in, title = file, filepath.Base(from)
		if to == "" {
			to = strings.TrimSuffix(from, filepath.Ext(from)) + ".html"
		}
		if to == from {
			return usagef("the picture would overwrite %s: say where --to", from)
		}
	}
	events, err := timeline.Read(in)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := timeline.Draw(&page, title, events); err != nil {
		return err
	}
	if to == "" || to == "-" {
		_, err := io.Copy(a.out, &page)
		return err
	}
	if err := os.WriteFile(to, page.Bytes(), 0o644); err != nil {
		return err
	}
	result := map[string]any{"file": to, "events": len(events)}
	return a.print(result, func() { fmt.Fprintf(a.out, "%s shows %d events\n", to, len(events)) })
}
