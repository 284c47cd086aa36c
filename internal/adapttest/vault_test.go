package adapttest

import (
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/inmem"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
)

// haStorage is a storage of Vault's data with our locks.
type haStorage struct {
	physical.Backend
	adapt.HA[physical.Lock]
}

func newHAStorage(t *testing.T, l locker.Locker) haStorage {
	t.Helper()
	backend, err := inmem.NewInmem(nil, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return haStorage{backend, adapt.HA[physical.Lock]{Locker: l, Prefix: lockName(t) + "/"}}
}

// Vault's own suites.
func TestVault(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		p := open()
		a, b := newHAStorage(t, p), newHAStorage(t, open())
		physical.ExerciseHABackend(t, a, b)
		physical.ExerciseHABackend(t, b, a)
		physical.ExerciseBackend(t, a)
		wantFree(t, p, lockName(t)+"/foo")
	})
}
