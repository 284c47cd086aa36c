package dynamo

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/internal/faulthttp"
	"example.com/holdfast/locker"
)

// listTable creates a table of its own, with items.
func listTable(t *testing.T, items ...attributes) string {
	t.Helper()
	table, client := tableNameFor(t), dynamodblocal.Client(t)
	createTable(t, client, table, types.AttributeDefinition{AttributeName: aws.String("name"), AttributeType: types.ScalarAttributeTypeS})
	for _, it := range items {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it}); err != nil {
			t.Fatalf("PutItem = %v, want nil", err)
		}
	}
	return table
}

// listed is what an iteration yields: infos by name, and errors in their order,
// each after the name beside it.
func listed(t *testing.T, p *process, prefix string) (infos map[string]locker.Info, errs []error) {
	t.Helper()
	infos = make(map[string]locker.Info)
	for info, err := range p.List(t.Context(), prefix) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", info.Name, err))
			continue
		}
		infos[info.Name] = info
	}
	return infos, errs
}

func lock(name, guid, expiresOn string) attributes {
	return attributes{"name": text(name), "guid": text(guid), "expiresOn": number(expiresOn), "ttl": number("1000")}
}

func boundItem(name, session string) attributes {
	it := lock(name, revision("0123456789abcdefghijklmnop", 3), strconv.Itoa(farFuture))
	it["session"] = text(session)
	return it
}

// TestList lists names by their prefix, in every state, and what is damaged.
func TestList(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdefghijklmnop"
	table := listTable(
		t,
		lock("a/free", revision(id, deadSequence), "0"),
		lock("a/dead", revision(id, 3), "1000"),
		lock("a/node", "11111111-2222-4333-8444-555555555555", "99999999999999"),
		lock("a/damaged", revision(id, 3), "-1"),
		lock("_session/x", revision(id, 3), "99999999999999"),
		lock("b", revision(id, 3), "99999999999999"),
		boundItem("a/bound", "_session/x"),
		boundItem("a/bound, dead", "_session/gone"),
	)
	p := openOn(t, table)
	lease := acquire(t, p, "a/held", locker.WithData([]byte("data")))
	for _, tt := range []struct {
		prefix string
		want   []string
	}{
		{"", []string{"a/bound", "a/bound, dead", "a/dead", "a/free", "a/held", "a/node", "b"}},
		{"a/", []string{"a/bound", "a/bound, dead", "a/dead", "a/free", "a/held", "a/node"}},
		{"a/h", []string{"a/held"}},
		{"_session/", nil},
		{"none", nil},
	} {
		infos, errs := listed(t, p, tt.prefix)
		if got := slices.Sorted(maps.Keys(infos)); !slices.Equal(got, tt.want) {
			t.Errorf("List(%q) yields %q, want %q", tt.prefix, got, tt.want)
		}
		var damaged *ItemError
		damage := len(tt.want) > 1
		if (len(errs) == 1) != damage || damage && (!errors.As(errs[0], &damaged) || damaged.Name != "a/damaged" || !strings.HasPrefix(errs[0].Error(), `"a/damaged"`)) {
			t.Errorf("List(%q) yields the errors %v, want one of %q: %v", tt.prefix, errs, "a/damaged", damage)
		}
		if len(tt.want) == 0 {
			continue
		}
		held := infos["a/held"]
		if held.State != locker.StateHeld || held.AcquisitionID != lease.ID() || held.Token < lease.Token() || held.Owner != "A" ||
			!bytes.Equal(held.Data, []byte("data")) || held.TTL != locker.DefaultTTL || held.Remaining <= 0 || held.Remaining > held.TTL {
			t.Errorf("List(%q) yields %+v, want the lease", tt.prefix, held)
		}
		for name, want := range map[string]locker.State{"a/free": locker.StateFree, "a/dead": locker.StateDead, "a/node": locker.StateHeld, "a/bound": locker.StateHeld, "a/bound, dead": locker.StateDead} {
			if got, ok := infos[name]; ok && got.State != want {
				t.Errorf("List(%q): %q is %v, want %v", tt.prefix, name, got.State, want)
			}
		}
	}
}

// TestListPages reads a table of several pages, each when it is wanted, and ends
// with the error of one.
func TestListPages(t *testing.T) {
	t.Parallel()
	var items []attributes
	for i := range 9 {
		it := lock(fmt.Sprint(i), revision("0123456789abcdefghijklmnop", 3), "99999999999999")
		it["data"] = &types.AttributeValueMemberB{Value: make([]byte, 300<<10)}
		items = append(items, it)
	}
	p := openOn(t, listTable(t, items...))
	if infos, errs := listed(t, p, ""); len(infos) != len(items) || errs != nil {
		t.Errorf("List yields %d locks and the errors %v, want %d and none", len(infos), errs, len(items))
	}
	p.wantCounts(t, "List of 2.7 MB, the first call of a process", counts{"DescribeTable": 1, "Scan": 3})
	if infos, errs := listed(t, p, "5"); len(infos) != 1 || errs != nil {
		t.Errorf("List of a prefix yields %d locks and the errors %v, want 1 and none", len(infos), errs)
	}
	p.wantCounts(t, "List of a prefix", counts{"Scan": 3})
	for range p.List(t.Context(), "") {
		break
	}
	p.wantCounts(t, "List that was left at the first lock", counts{"Scan": 1})
	p.List(t.Context(), "")
	p.wantCounts(t, "List without an iteration", counts{})

	p.faults.Inject("Scan", 1, nil)
	p.faults.Inject("Scan", 1, faulthttp.Lose())
	infos, errs := listed(t, p, "")
	if len(infos) == 0 || len(infos) == len(items) || len(errs) != 1 || !errors.Is(errs[0], locker.ErrUnavailable) {
		t.Errorf("List whose second page fails yields %d locks and the errors %v, want those of the first page and one error", len(infos), errs)
	}
	p.wantCounts(t, "List whose second page fails", counts{"Scan": 2})
}

// TestRequestsOperator counts what looking and breaking costs.
func TestRequestsOperator(t *testing.T) {
	t.Parallel()
	p := openOn(t, listTable(t))
	p.warm(t)
	acquire(t, openOn(t, p.store.table), "a")
	var info locker.Info
	for info = range p.List(t.Context(), "a") {
	}
	p.wantCounts(t, "List of a small table", counts{"Scan": 1})
	for _, opts := range [][]locker.BreakOption{nil, nil, {locker.FreeNow()}} {
		breakSeen(t, p, info, opts...)
		p.wantCounts(t, "Break", counts{"UpdateItem": 1})
	}
}

// TestListInput refuses what can't begin a name, before any request.
func TestListInput(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, prefix := range []string{"\xff", string(make([]byte, locker.MaxNameBytes+1))} {
		if infos, errs := listed(t, p, prefix); len(infos) > 0 || len(errs) != 1 || !errors.Is(errs[0], locker.ErrInvalid) {
			t.Errorf("List of a prefix of %d bytes yields %d locks and the errors %v, want ErrInvalid alone", len(prefix), len(infos), errs)
		}
	}
	for _, info := range []locker.Info{{}, {Name: t.Name()}, {Name: "_session/x", AcquisitionID: "x"}} {
		if err := p.Break(t.Context(), info); !errors.Is(err, locker.ErrInvalid) {
			t.Errorf("Break(%+v) = %v, want ErrInvalid", info, err)
		}
	}
	p.wantCounts(t, "List and Break of what can't be", counts{})
}

// TestListWrongTable shows that a table that can't hold locks, or is not there, is
// told by a *TableError, of Break too.
func TestListWrongTable(t *testing.T) {
	t.Parallel()
	wrong := tableNameFor(t)
	createTable(t, dynamodblocal.Client(t), wrong, types.AttributeDefinition{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS})
	for _, table := range []string{wrong, newTableName()} {
		p := openOn(t, table)
		_, errs := listed(t, p, "")
		if len(errs) != 1 {
			t.Fatalf("List yields the errors %v, want one", errs)
		}
		wantTableError(t, "List", errs[0], table)
		wantTableError(t, "Break", p.Break(t.Context(), locker.Info{Name: t.Name(), AcquisitionID: "x"}), table)
	}
}
