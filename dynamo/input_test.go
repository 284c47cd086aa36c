package dynamo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// wantInvalid checks that err is a *locker.InvalidError about what, and that
// nothing was sent.
func wantInvalid(t *testing.T, p *process, call, what string, err error) {
	t.Helper()
	var invalid *locker.InvalidError
	if !errors.As(err, &invalid) || !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("%s = %v, want a *InvalidError", call, err)
	} else if invalid.What != what {
		t.Errorf("%s = %v, about %q, want one about %q", call, err, invalid.What, what)
	}
	if got := p.faults.Counts(); len(got) != 0 {
		t.Errorf("%s sent %v, want nothing", call, got)
	}
}

// TestNamesRefused shows which names are refused, before anything is sent.
func TestNamesRefused(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, name := range []string{
		"", strings.Repeat("x", 2049), strings.Repeat("é", 1025), "a\xff", "\xc3", "a\xed\xa0\x80", "_session/x", "_session/",
	} {
		_, err := p.Acquire(t.Context(), name)
		wantInvalid(t, p, "Acquire", "name", err)
		_, err = locker.TryAcquire(t.Context(), p, name)
		wantInvalid(t, p, "TryAcquire", "name", err)
		_, err = p.Inspect(t.Context(), name)
		wantInvalid(t, p, "Inspect", "name", err)
	}
}

// TestNames shows that every other name works, and is a lock of its own.
func TestNames(t *testing.T) {
	t.Parallel()
	p, other := openWarm(t), openWarm(t)
	for _, name := range []string{
		"/1", "/é", "/e\u0301", "/\x00", "/\x00\x00", "/\n", "/ ", "/", "//", "/_session/x", "/ÿ", "/\ufffd", "/🔒", "/%s", "/A", "/a", "/\u202e",
	} {
		name = t.Name() + name
		lease := acquire(t, p, name)
		if held := refuse(t, other, name); held.Name != name || held.Holder.Name != name || held.Holder.AcquisitionID != lease.ID() {
			t.Errorf("TryAcquire(%q) = %v, holder %+v, want the lease %q", name, held, held.Holder, lease.ID())
		}
	}
	for _, r := range []string{"x", "é"} {
		prefix := t.Name() + newTableName()
		for len(prefix)%len(r) != 0 {
			prefix += "/"
		}
		name := prefix + strings.Repeat(r, (2048-len(prefix))/len(r))
		lease := acquire(t, p, name)
		if len(name) != 2048 {
			t.Errorf("the longest name has %d bytes, want 2048", len(name))
		}
		refuse(t, other, name)
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("Release of a name of 2048 bytes = %v, want nil", err)
		}
	}
}

// TestOptionsRefused shows which options are refused, before anything is sent.
func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, tt := range []struct {
		what string
		opts []locker.Option
	}{
		{"TTL", []locker.Option{locker.WithTTL(0)}},
		{"TTL", []locker.Option{locker.WithTTL(-time.Second)}},
		{"TTL", []locker.Option{locker.WithTTL(MinTTL - 1)}},
		{"TTL", []locker.Option{locker.WithTTL(24*time.Hour + 1)}},
		{"wait", []locker.Option{locker.WithWait(-1)}},
		{"minimum hold", []locker.Option{locker.WithTTL(time.Second), locker.WithMinHold(time.Second + 1)}},
		{"minimum hold", []locker.Option{locker.WithMinHold(-1)}},
		{"maximum hold", []locker.Option{locker.WithMaxHold(-1)}},
		{"owner", []locker.Option{locker.WithOwner(strings.Repeat("x", 1025))}},
		{"owner", []locker.Option{locker.WithOwner("\xff")}},
		{"data", []locker.Option{locker.WithData(make([]byte, 4097))}},
	} {
		_, err := p.Acquire(t.Context(), t.Name(), tt.opts...)
		wantInvalid(t, p, "Acquire", tt.what, err)
	}
}

// TestOptionsAccepted shows that the limits themselves work.
func TestOptionsAccepted(t *testing.T) {
	t.Parallel()
	p, other := openWarm(t), openWarm(t)
	for name, opts := range map[string][]locker.Option{
		"shortest TTL":     {locker.WithTTL(MinTTL), locker.WithoutRenewal()},
		"longest TTL":      {locker.WithTTL(24 * time.Hour)},
		"longest min hold": {locker.WithTTL(time.Second), locker.WithMinHold(time.Second)},
		"longest owner":    {locker.WithOwner(strings.Repeat("x", 1024))},
	} {
		name = t.Name() + "/" + name
		if _, err := p.Acquire(t.Context(), name, opts...); err != nil {
			t.Errorf("Acquire(%q) = %v, want nil", name, err)
		}
	}
	for _, data := range [][]byte{nil, {}, {0}, bytes.Repeat([]byte{0xff}, 4096)} {
		lease := acquire(t, p, t.Name(), locker.WithData(data))
		if held := refuse(t, other, t.Name()); !bytes.Equal(held.Holder.Data, data) {
			t.Errorf("TryAcquire(%q) shows data of %d bytes, want the %d of the holder", t.Name(), len(held.Holder.Data), len(data))
		}
		changed := append([]byte("changed"), data...)[:min(4096, len(data)+7)]
		if err := lease.SetData(t.Context(), changed); err != nil {
			t.Errorf("SetData(%q) = %v, want nil", t.Name(), err)
		}
		info, err := other.Inspect(t.Context(), t.Name())
		if err != nil || !bytes.Equal(info.Data, changed) {
			t.Errorf("Inspect(%q) = data of %d bytes, %v, want the %d that were set", t.Name(), len(info.Data), err, len(changed))
		}
		p.faults.Reset()
		wantInvalid(t, p, "SetData", "data", lease.SetData(t.Context(), make([]byte, 4097)))
		if err := lease.Release(t.Context()); err != nil {
			t.Fatalf("Release(%q) = %v, want nil", t.Name(), err)
		}
		if got := readDecoded(t, t.Name()); got.Data != nil || got.Owner != "" {
			t.Errorf("after Release(%q) the item has data %q and owner %q, want none", t.Name(), got.Data, got.Owner)
		}
	}
}

// TestNew shows what New and Open refuse.
func TestNew(t *testing.T) {
	t.Parallel()
	client := dynamodblocal.Client(t)
	for _, table := range []string{"", "ab", "has space", "sl/ash", strings.Repeat("x", 256), "é_table", "arn:", "new\nline", "ends\n"} {
		if _, err := New(client, table); !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("New(%q) = %v, want ErrInvalid", table, err)
		}
		if _, err := Open(t.Context(), table); !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("Open(%q) = %v, want ErrInvalid", table, err)
		}
	}
	for _, table := range []string{"abc", "a_b-C.9", strings.Repeat("x", 255), "arn:aws:dynamodb:eu-central-1:123456789012:table/locks"} {
		if _, err := New(client, table); err != nil {
			t.Errorf("New(%q) = %v, want nil", table, err)
		}
	}
	if _, err := New(nil, "locks"); !errors.Is(err, locker.ErrInvalid) {
		t.Errorf("New(nil) = %v, want ErrInvalid", err)
	}
	for name, option := range map[string]func(*Options){
		"Region":      func(o *Options) { o.Region = "eu-central-1" },
		"Endpoint":    func(o *Options) { o.Endpoint = "http://127.0.0.1:1" },
		"Credentials": func(o *Options) { o.Credentials = aws.AnonymousCredentials{} },
	} {
		if _, err := New(client, "locks", option); !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("New with option %s = %v, want ErrInvalid", name, err)
		}
	}
}

// TestOpen shows that Open makes a client of its own that works.
func TestOpen(t *testing.T) {
	t.Parallel()
	l, err := Open(t.Context(), theTable.use(t), func(o *Options) { o.Endpoint = dynamodblocal.Endpoint(t) })
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer l.Close(t.Context())
	lease, err := l.Acquire(t.Context(), t.Name())
	if err != nil {
		t.Fatalf("Acquire(%q) = %v, want nil", t.Name(), err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("Release(%q) = %v, want nil", t.Name(), err)
	}
}
