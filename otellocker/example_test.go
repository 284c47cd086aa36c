package otellocker_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
	"example.com/holdfast/otellocker"
)

// The observer beside another one, with metrics by the first part of a name.
func ExampleNew() {
	observe, err := otellocker.New(func(o *otellocker.Options) {
		o.Pattern = func(name string) string { before, _, _ := strings.Cut(name, "/"); return before }
	})
	if err != nil {
		log.Fatal(err)
	}
	l := memory.New(func(o *memory.Options) { // or dynamo.Open
		o.Observer = locker.Observers(observe, locker.SlogObserver(nil))
	})
	traced := otellocker.Propagate(l) // so that other processes can link to who holds
	err = locker.Do(context.Background(), traced, "reports/daily", func(context.Context, *locker.Lease) error { return nil })
	fmt.Println(err)
	// Output: <nil>
}
