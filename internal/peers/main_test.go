//go:build linux

package peers

import (
	"os"
	"testing"

	"example.com/holdfast/internal/dynamodblocal"
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }
