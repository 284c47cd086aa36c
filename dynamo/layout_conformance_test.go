package dynamo

import (
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
	"example.com/holdfast/locktest"
)

// layouts are those of other libraries, with and without a sort key. Each has a table
// that its tests share.
var layouts = []struct {
	name   string
	choose func(*Options)
	table  *sharedTable
}{
	{"dynamolock", func(o *Options) { o.Layout = LayoutDynamolock }, new(sharedTable)},
	{"java", func(o *Options) {
		o.Layout, o.PartitionKey, o.SortKey, o.SortValue = LayoutJava, "lock", "kind", "job"
	}, new(sharedTable)},
}

// ensure returns the name of the table, made for a layout by the first call.
func (s *sharedTable) ensure(t *testing.T, choose func(*Options)) string {
	t.Helper()
	client := dynamodblocal.Client(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.name == "" {
		name := newTableName()
		if err := openOn(t, name, choose).EnsureTable(t.Context()); err != nil {
			t.Fatalf("EnsureTable = %v, want nil", err)
		}
		s.name, s.client = name, client
	}
	return s.name
}

// TestConformanceLayout runs the suite on tables of other libraries. Like
// TestConformance it is not parallel itself.
func TestConformanceLayout(t *testing.T) {
	warmUp(t)
	for _, tt := range layouts {
		t.Run(tt.name, func(t *testing.T) {
			table := tt.table.ensure(t, tt.choose)
			locktest.Run(t, locktest.Backend{
				Open: func(tb testing.TB) locktest.Store {
					return locktest.Store{
						Connect: func() locker.Backend {
							faults := faulthttp.New(nil)
							tb.Cleanup(faults.CloseIdleConnections)
							l, err := New(dynamodblocal.Client(tb, faults.Use), table, tt.choose)
							if err != nil {
								tb.Fatalf("New(%q) = %v, want nil", table, err)
							}
							return l.store.backend()
						},
						Client: func(o *locker.ClientOptions) { o.MinTTL = MinTTL },
					}
				},
				TTL:       3 * time.Second,
				Margin:    5 * time.Second,
				Parallel:  16,
				NoFencing: true,
				Skip: map[string]string{
					"InfoEnded": "an item of another library does not tell when its lease ends",
					"Wanted":    "a lease that was handed over counts as wanted, because the other library can't tell",
				},
			})
		})
	}
}
