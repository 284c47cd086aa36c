package adapttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"example.com/holdfast/locker"
	"example.com/holdfast/locker/adapt"
	"example.com/holdfast/memory"
)

// plainStorage and storage: a storage of certmagic with our locks. What is embedded
// one level deeper does not count.
type (
	plainStorage struct{ certmagic.Storage }

	storage struct {
		plainStorage // certificates and keys
		*adapt.Named // their locks
	}
)

// issuer signs whatever it is asked to, and counts.
type issuer struct {
	during func(attempt int) error // called for each
	key    *ecdsa.PrivateKey

	mu     sync.Mutex
	issued int
}

func newIssuer(t *testing.T, during func(attempt int) error) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{during: during, key: key}
}

func (*issuer) IssuerKey() string { return "test" }

func (i *issuer) Issue(_ context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	i.mu.Lock()
	i.issued++
	n := i.issued
	i.mu.Unlock()
	if err := i.during(n); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(n)), DNSNames: csr.DNSNames,
		NotBefore: time.Now(), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, csr.PublicKey, i.key)
	if err != nil {
		return nil, err
	}
	return &certmagic.IssuedCertificate{Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// newConfig returns what one machine of a cluster has.
func newConfig(t *testing.T, dir string, i *issuer, n *adapt.Named) *certmagic.Config {
	t.Helper()
	var config *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil },
		Logger:           zap.NewNop(),
	})
	t.Cleanup(cache.Stop)
	config = certmagic.New(cache, certmagic.Config{
		Storage: storage{plainStorage{&certmagic.FileStorage{Path: dir}}, n},
		Issuers: []certmagic.Issuer{i},
		Logger:  zap.NewNop(),
	})
	return config
}

// Four machines need one certificate: one asks for it, and the others find it there.
func TestCertmagic(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		dir, i := t.TempDir(), newIssuer(t, func(int) error { time.Sleep(50 * time.Millisecond); return nil })
		prefix := lockName(t) + "/"
		p := open()
		var all sync.WaitGroup
		for range 4 {
			config := newConfig(t, dir, i, &adapt.Named{Locker: locker.Prefix(open(), prefix)})
			all.Go(func() {
				if err := config.ObtainCertAsync(t.Context(), "example.com"); err != nil {
					t.Errorf("ObtainCertAsync = %v, want nil", err)
				}
			})
		}
		all.Wait()
		if i.issued != 1 {
			t.Errorf("%d certificates issued, want 1", i.issued)
		}
		wantFree(t, p, prefix+"issue_cert_example.com")
	})
}

// The contract of certmagic's Locker: a lock becomes stale when its holder is gone.
func TestCertmagicStale(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() process) {
		gone := &adapt.Named{Locker: open(), Options: []locker.Option{locker.WithTTL(time.Second), locker.WithoutRenewal()}}
		if err := gone.Lock(t.Context(), lockName(t)); err != nil {
			t.Fatal(err)
		}
		p := open()
		next := &adapt.Named{Locker: p}
		if ok, err := next.TryLock(t.Context(), lockName(t)); ok || err != nil {
			t.Errorf("TryLock of a lock that is held = %v, %v; want false, nil", ok, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := next.Lock(ctx, lockName(t)); err != nil {
			t.Fatalf("Lock of a stale lock = %v, want nil", err)
		}
		if err := gone.Unlock(t.Context(), lockName(t)); err != nil {
			t.Errorf("Unlock after a loss = %v, want nil", err)
		}
		if err := next.RenewLockLease(t.Context(), lockName(t), time.Minute); err != nil {
			t.Errorf("RenewLockLease after the other's Unlock = %v, want nil", err)
		}
		if err := next.Unlock(t.Context(), lockName(t)); err != nil {
			t.Errorf("Unlock = %v, want nil", err)
		}
		wantFree(t, p, lockName(t))
	})
}

// The lock is lost in the first attempt, which fails. For the second one the lease is
// renewed, which takes the lock again.
func TestCertmagicLost(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const name = "issue_cert_example.com"
		store := memory.NewStore()
		lost := 0
		i := newIssuer(t, func(attempt int) error {
			if attempt > 1 {
				return nil
			}
			store.Steal(name) // until one TTL later
			time.Sleep(locker.DefaultTTL / 2)
			return errors.New("try again")
		})
		config := newConfig(t, dir, i, &adapt.Named{
			Locker: store.Open(),
			OnLost: func(string, error) { lost++ },
		})
		if err := config.ObtainCertAsync(t.Context(), "example.com"); err != nil {
			t.Errorf("ObtainCertAsync = %v, want nil", err)
		}
		synctest.Wait() // for OnLost
		if i.issued != 2 || lost != 1 {
			t.Errorf("%d attempts, %d losses; want 2 and 1", i.issued, lost)
		}
		if info, err := store.Open().Inspect(t.Context(), name); err != nil || info.State != locker.StateFree {
			t.Errorf("%v by %q, error %v; want %v", info.State, info.Owner, err, locker.StateFree)
		}
	})
}
