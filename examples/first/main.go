package main

import (
	"context"
	"fmt"
	"log"

	"example.com/holdfast/locker"
	"example.com/holdfast/memory"
)

func main() {
	ctx := context.Background()
	l := memory.New()
	defer l.Close(ctx)

	err := locker.Do(ctx, l, "reports/daily", func(ctx context.Context, lease *locker.Lease) error {
		fmt.Println("nobody else writes the report now; my token is", lease.Token())
		return nil
	})
	if err != nil {
		log.Print(err)
	}
}
