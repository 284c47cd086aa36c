//go:build linux

package peers

import (
	"flag"
	"os"
	"testing"

	"example.com/holdfast/internal/dynamodblocal"
)

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", "4") // these tests wait for leases: they need time, not processors
	}
	os.Exit(dynamodblocal.Main(m))
}
