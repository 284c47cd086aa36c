package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/internal/dynamodblocal"
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }

// tell runs the program and checks what it prints.
func tell(t *testing.T, p plan, open opener) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), &out, p, open)
	if err != nil {
		t.Errorf("run = %v, want nil", err)
	}
	for n := 1; n <= p.ticks; n++ {
		if got := strings.Count(out.String(), fmt.Sprintf("runs tick %d\n", n)); got != 1 {
			t.Errorf("tick %d ran %d times, want once", n, got)
		}
		if got := strings.Count(out.String(), fmt.Sprintf("leaves tick %d to ", n)); got != 2 {
			t.Errorf("tick %d was left to another %d times, want twice", n, got)
		}
	}
	if !strings.Contains(out.String(), "nothing is held") {
		t.Error("it does not say that nothing is held")
	}
	t.Logf("it prints:\n%s", &out)
}

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tell(t, plan{every: time.Second, hold: 500 * time.Millisecond, late: 200 * time.Millisecond, ticks: 5}, inMemory())
	})
}

// The minimum hold is what keeps a late scheduler from running a tick again.
func TestWithoutHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		err := run(t.Context(), &out, plan{every: time.Second, late: 200 * time.Millisecond, ticks: 2}, inMemory())
		if err == nil || !strings.Contains(err.Error(), "tick 1 ran") {
			t.Errorf("run without a minimum hold = %v, want that a tick ran more than once; it prints:\n%s", err, &out)
		}
	})
}

func TestDynamoDB(t *testing.T) {
	client := dynamodblocal.Client(t)
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodblocal.Endpoint(t))
	table := fmt.Sprintf("gocron-%d", time.Now().UnixNano())
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: aws.String(table)}); err != nil {
			t.Error(err)
		}
	})
	tell(t, plan{every: 8 * time.Second, hold: 4 * time.Second, late: 200 * time.Millisecond, ticks: 3}, inTable(table))
}
