package dynamo

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/holdfast/locker"
)

// TestLayoutRefused shows which options are refused, before anything is sent.
func TestLayoutRefused(t *testing.T) {
	t.Parallel()
	api := dynamodb.New(dynamodb.Options{Region: "us-east-1"})
	for _, tt := range []struct {
		what   string
		change func(*Options)
	}{
		{"layout", func(o *Options) { o.Layout = -1 }},
		{"layout", func(o *Options) { o.Layout = LayoutJava + 1 }},
		{"option", func(o *Options) { o.PartitionKey = "key" }},
		{"option", func(o *Options) { o.SortKey, o.SortValue = "kind", "x" }},
		{"clock margin", func(o *Options) { o.Layout, o.ClockMargin = LayoutJava, time.Second }},
		{"option", func(o *Options) { o.Layout, o.SharedHeartbeat = LayoutDynamolock, true }},
		{"sort key", func(o *Options) { o.Layout, o.SortKey = LayoutJava, "kind" }},
		{"sort key", func(o *Options) { o.Layout, o.SortValue = LayoutJava, "x" }},
		{"sort key", func(o *Options) { o.Layout, o.SortKey, o.SortValue = LayoutJava, "key", "x" }},
		{"sort key", func(o *Options) { o.Layout, o.PartitionKey, o.SortKey, o.SortValue = LayoutJava, "a", "a", "x" }},
		{"key", func(o *Options) { o.Layout, o.PartitionKey = LayoutJava, "data" }},
		{"key", func(o *Options) { o.Layout, o.SortKey, o.SortValue = LayoutJava, "ownerName", "x" }},
	} {
		for name, open := range map[string]func() (*Locker, error){
			"New":  func() (*Locker, error) { return New(api, "locks", tt.change) },
			"Open": func() (*Locker, error) { return Open(context.Background(), "locks", region, tt.change) },
		} {
			var invalid *locker.InvalidError
			if _, err := open(); !errors.As(err, &invalid) || invalid.What != tt.what {
				t.Errorf("%s = %v, want a *InvalidError about %q", name, err, tt.what)
			}
		}
	}
	if _, err := New(api, "locks", func(o *Options) { o.Layout, o.ClockMargin = LayoutJava, -1 }); err != nil {
		t.Errorf("New with rule B off = %v, want nil", err)
	}
}

func region(o *Options) { o.Region = "us-east-1" }

// TestLayoutTable shows that a table has to have the layout's key, and that no
// deletion of idle items is turned on for it. It is not parallel: see TestCreateTable.
func TestLayoutTable(t *testing.T) {
	for _, tt := range layouts {
		t.Run(tt.name, func(t *testing.T) {
			table := layoutTable{name: tt.table.ensure(t, tt.choose), choose: tt.choose}
			if got := purges(t, table.name); got != "" {
				t.Errorf("EnsureTable turned the time to live on, for %q, want it off", got)
			}
			p := openOn(t, tableNameFor(t), table.choose)
			if err := p.CreateTable(t.Context()); err != nil {
				t.Fatalf("CreateTable = %v, want nil", err)
			}
			if err := p.store.checkSchema(describeTable(t, p.store.table)); err != nil {
				t.Errorf("CreateTable made a table of which the check says %v", err)
			}
			for _, change := range []func(*Options){
				func(o *Options) { *o = Options{ClientOptions: o.ClientOptions} },
				func(o *Options) { o.PartitionKey = "other" },
				func(o *Options) { o.SortKey, o.SortValue = "other", "x" },
			} {
				var wrong *TableError
				if _, err := locker.TryAcquire(t.Context(), table.open(t, change), t.Name()); !errors.As(err, &wrong) {
					t.Errorf("TryAcquire with another key = %v, want a *TableError", err)
				}
			}
		})
	}
}

// TestLayoutLease shows that no lease is written shorter than it is believed in.
func TestLayoutLease(t *testing.T) {
	for _, l := range []Layout{LayoutDynamolock, LayoutJava} {
		for _, d := range []time.Duration{1, time.Microsecond, time.Millisecond - 1, time.Second + 1, 1500 * time.Millisecond, 20 * time.Second, locker.MaxTTL} {
			got, err := l.parseLease(l.lease(d))
			if err != nil || got < d || got > d+time.Millisecond {
				t.Errorf("%v writes %v as %q, which it reads as %v, %v", l, d, l.lease(d), got, err)
			}
		}
	}
	if got := LayoutDynamolock.lease(20 * time.Second); got != "20s" {
		t.Errorf("dynamolock's 20 s are %q, want 20s", got)
	}
	if got := LayoutJava.lease(20 * time.Second); got != "20000" {
		t.Errorf("Java's 20 s are %q, want 20000", got)
	}
	for lease, want := range map[string]time.Duration{"0": 0, "-5": 0, "1000": 1020 * time.Millisecond, "20000": 20200 * time.Millisecond, "86400000": 0, "9223372036854775807": 0} {
		d, err := LayoutJava.parseLease(lease)
		if got := (&record{rvn: "theirs", lease: d}).ttl(); err != nil || got != want {
			t.Errorf("a lease of Java's of %s ms counts for %v, %v, want %v", lease, got, err, want)
		}
	}
}

// TestLayoutDamaged shows that an item that can't be read is told of and left alone.
func TestLayoutDamaged(t *testing.T) {
	eachLayout(t, func(t *testing.T, table layoutTable) {
		other := layoutTable{o: Options{Layout: LayoutDynamolock}}
		if table.o.Layout == LayoutDynamolock {
			other.o.Layout = LayoutJava
		}
		p := table.open(t)
		for what, attrs := range map[string]attributes{
			"no number":            {"recordVersionNumber": nil},
			"an empty number":      {"recordVersionNumber": text("")},
			"a number that is one": {"recordVersionNumber": number("1")},
			"no owner":             {"ownerName": nil},
			"no duration":          {"leaseDuration": nil},
			"duration is a number": {"leaseDuration": number("20")},
			"no such duration":     {"leaseDuration": text("soon")},
			"the other's duration": {"leaseDuration": other.seconds("20")},
			"another release":      {"isReleased": text("0")},
			"release is a number":  {"isReleased": number("1")},
			"data is a string":     {"data": text("x")},
		} {
			name := t.Name() + "/" + what
			table.write(t, name, attrs)
			before := table.read(t, name)
			var damaged *ItemError
			if _, err := locker.TryAcquire(t.Context(), p, name); !errors.As(err, &damaged) || damaged.Name != name {
				t.Errorf("TryAcquire of an item with %s = %v, want an *ItemError", what, err)
			}
			if _, err := p.Inspect(t.Context(), name); !errors.As(err, &damaged) {
				t.Errorf("Inspect of an item with %s = %v, want an *ItemError", what, err)
			}
			table.wantItem(t, "TryAcquire", name, without(before, table.key(name)))
		}
		listed := 0
		for info, err := range p.List(t.Context(), t.Name()) {
			if listed++; info.Name == "" || !errors.As(err, new(*ItemError)) {
				t.Fatalf("List yields %+v, %v, want a name and an *ItemError", info, err)
			}
		}
		if listed != 11 {
			t.Errorf("List yields %d items, want 11", listed)
		}
	})
}
