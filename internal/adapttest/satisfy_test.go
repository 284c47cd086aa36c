package adapttest

import (
	"testing"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"github.com/caddyserver/certmagic"
	"github.com/go-co-op/gocron/v2"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/pressly/goose/v3/lock"

	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

// What each adapter is there to be.
var (
	_ gocron.Locker              = adapt.Keyed[gocron.Lock]{}
	_ certmagic.Locker           = (*adapt.Named)(nil)
	_ certmagic.TryLocker        = (*adapt.Named)(nil)
	_ certmagic.LockLeaseRenewer = (*adapt.Named)(nil)
	_ lock.Locker                = (*adapt.SQL)(nil)
	_ lock.SessionLocker         = (*adapt.SQL)(nil)
	_ schema.Locker              = adapt.Timed[schema.UnlockFunc]{}
	_ physical.HABackend         = adapt.HA[physical.Lock]{}

	_ certmagic.Storage          = storage{}
	_ certmagic.TryLocker        = storage{}
	_ certmagic.LockLeaseRenewer = storage{}
	_ database.Driver            = driver{}
	_ atlas.Driver               = lockedDriver{}
	_ physical.Backend           = haStorage{}
	_ physical.HABackend         = haStorage{}
)

// What is returned through a type parameter is checked at run time.
func TestResults(t *testing.T) {
	l := memory.New()
	u, err := adapt.Keyed[gocron.Lock]{Locker: l}.Lock(t.Context(), t.Name())
	if err != nil {
		t.Fatalf("Keyed.Lock = %v, want nil", err)
	}
	if err := u.Unlock(t.Context()); err != nil {
		t.Errorf("Unlock = %v, want nil", err)
	}
	if _, err := (adapt.HA[physical.Lock]{Locker: l}).LockWith(t.Name(), "value"); err != nil {
		t.Errorf("HA.LockWith = %v, want nil", err)
	}
}
