// Command bench measures Holdfast, beside the bare AWS SDK and other libraries,
// against DynamoDB Local, and says which of its targets hold.
//
//	go -C internal/bench run .                  everything
//	go -C internal/bench run . handover crowd   some scenarios
//	go -C internal/bench run . -short           a quick look at everything
//	go -C internal/bench run . -save            and write results, plots and documents
//	go -C internal/bench run . draw             plots and documents from the last results
//
// Scenarios: floor (acquire and release, beside the bare SDK), handover, crowd,
// waiters, leases, peers. -check makes a target that is missed exit status 1.
//
// Locks live in workers, processes of their own that this program starts and talks
// to (package worker), and that reach DynamoDB through a counting proxy; only floor
// goes directly, because a proxy's time and CPU are not the library's. DynamoDB
// Local is had as internal/dynamodblocal says: AWS_ENDPOINT_URL_DYNAMODB names one
// that runs already.
//
// Reading order: main.go, bench.go, process.go, proxy.go, then a file for each
// scenario; results.go, draw.go and document.go write what was found.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// scenario is something to measure.
type scenario struct {
	name, title string
	run         func(*bench, context.Context, *section) error
}

var scenarios = []scenario{
	{"floor", "Acquire and release, uncontended, beside the bare SDK (direct, without the proxy)", (*bench).floor},
	{"handover", "Hand-over to one who waits, default settings", (*bench).handOver},
	{"crowd", "Many goroutines on one name", (*bench).crowd},
	{"waiters", "Many waiters on one name that is held", (*bench).manyWaiters},
	{"leases", "Many held leases", (*bench).manyLeases},
	{"peers", "Other libraries", (*bench).otherLibraries},
}

func main() {
	if os.Getenv(workerVariable) != "" {
		os.Exit(workerMain())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missed, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if missed > 0 {
		os.Exit(1)
	}
}

// run returns how many targets were missed, if that is to count.
func run(ctx context.Context, args []string) (int, error) {
	s, flags := newSettings()
	check := flags.Bool("check", false, "exit with status 1 when a target is missed")
	save := flags.Bool("save", false, "keep the results, and draw plots and documents")
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	s.shorten(flags)
	root, err := findRoot()
	if err != nil {
		return 0, err
	}
	path := filepath.Join(root, "internal", "bench", "results.json")
	if slices.Equal(flags.Args(), []string{"draw"}) {
		r, err := load(path)
		if err != nil {
			return 0, err
		}
		return 0, publish(root, r)
	}
	wanted, err := choose(flags.Args())
	if err != nil {
		return 0, err
	}
	b, err := newBench(ctx, s)
	if err != nil {
		return 0, err
	}
	defer b.close()
	r, err := load(path)
	if err != nil {
		return 0, err
	}
	r.Machine = b.machine
	missed, err := b.measure(ctx, wanted, r, command(flags))
	if *save && err == nil {
		if err = r.save(path); err == nil {
			err = publish(root, r)
		}
	}
	if !*check {
		missed = 0
	}
	return missed, err
}

// choose returns the scenarios with these names, all where there are none.
func choose(names []string) ([]scenario, error) {
	if len(names) == 0 {
		return scenarios, nil
	}
	var chosen []scenario
	for _, name := range names {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q", name)
		}
		chosen = append(chosen, scenarios[i])
	}
	return chosen, nil
}

// measure runs scenarios one after the other, prints what they find and puts it
// into r. It goes on after a scenario that fails, and returns the first error.
func (b *bench) measure(ctx context.Context, wanted []scenario, r *results, command string) (missed int, first error) {
	for _, s := range wanted {
		found := &section{Command: command + " " + s.name, Machine: b.machine}
		b.progress.begin(s.name)
		err := s.run(b, ctx, found)
		b.progress.end()
		missed += found.print(b.out, s.title)
		if err != nil {
			fmt.Fprintf(b.out, "  FAILED: %v\n", err)
			if first == nil {
				first = fmt.Errorf("%s: %w", s.name, err)
			}
			continue
		}
		r.Sections[s.name] = found
	}
	return missed, first
}

// command is how to repeat a measurement: the flags that were set.
func command(flags *flag.FlagSet) string {
	text := "go -C internal/bench run ."
	flags.Visit(func(f *flag.Flag) {
		if !slices.Contains([]string{"check", "save", "cirello", "server"}, f.Name) {
			text += " -" + f.Name
			if f.Value.String() != "true" {
				text += "=" + f.Value.String()
			}
		}
	})
	return text
}

// findRoot returns the repository's directory, from anywhere in it.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && !strings.Contains(string(text), "/internal/bench") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("not in the repository")
		}
		dir = parent
	}
}
