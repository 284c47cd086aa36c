package sim

import (
	"os"
	"testing"

	"example.com/holdfast/internal/polite"
)

func TestMain(m *testing.M) { os.Exit(polite.Main(m)) }
