package ddbmodel_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/internal/dynamodblocal"
	"example.com/holdfast/locker"
)

// prefix is the second operand of begins_with: an attribute, or a value of a type
// that is modelled.
func (g *generator) prefix(name func() string, value func(types.AttributeValue) string) string {
	switch g.IntN(6) {
	case 0:
		return name()
	case 1:
		return value(g.number())
	}
	return value(&types.AttributeValueMemberS{Value: pick(g, []string{"a", "o", "é", "0", ids[0], g.revision()})})
}

// breakIt breaks the lease, in one of the two ways there are.
func breakIt(t *testing.T, l *dynamo.Locker, lease *locker.Lease, r *rand.Rand) {
	ctx := context.Background()
	info, err := l.Inspect(ctx, lease.Name())
	if err != nil {
		t.Errorf("Inspect = %v, want nil", err)
		return
	}
	var opts []locker.BreakOption
	if r.IntN(2) == 0 {
		opts = append(opts, locker.FreeNow())
	}
	for range 2 {
		if err := l.Break(ctx, info, opts...); err != nil {
			t.Logf("Break = %v", err) // another has it by now
		}
	}
}

// scanAll reads all pages and returns the items by key, and how many pages.
func scanAll(ctx context.Context, api dynamo.API, in dynamodb.ScanInput) (map[string]ddbmodel.Item, int, error) {
	found := make(map[string]ddbmodel.Item)
	for pages := 1; ; pages++ {
		answer, err := do(ctx, api, &in)
		if err != nil {
			return nil, pages, err
		}
		out := answer.(*dynamodb.ScanOutput)
		for _, item := range out.Items {
			found[item["name"].(*types.AttributeValueMemberS).Value] = item
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return found, pages, nil
		}
	}
}

// TestDifferentialScan sends scans with random filters to the model, directly and
// through the real SDK, and to DynamoDB Local, and compares what they find.
func TestDifferentialScan(t *testing.T) {
	client := dynamodblocal.Client(t)
	table := newTable(t, client)
	model := newModel(table)
	apis := map[string]dynamo.API{
		"DynamoDB Local": client, "model": ddbmodel.NewAPI(ddbmodel.Direct(model, time.Now)), "model behind the SDK": newSDK(model),
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), table: table}
	for i := range 12 {
		in := g.tamper()
		in.Key = ddbmodel.Item{"name": &types.AttributeValueMemberS{Value: pick(g, []string{"a", "ab", "é", "_session/"}) + fmt.Sprint(i)}}
		if _, err := do(t.Context(), client, in); err == nil {
			if _, err := do(t.Context(), apis["model"], in); err != nil {
				t.Fatalf("the model refuses %s: %v", text(in), err)
			}
		}
	}
	results := 0
	for range 300 {
		in := g.scan()
		want, pages, wantErr := scanAll(t.Context(), client, in)
		results += len(want)
		for way, api := range apis {
			got, n, err := scanAll(t.Context(), api, in)
			if code(err) != code(wantErr) || !reflect.DeepEqual(alike(got), alike(want)) {
				t.Fatalf("%s: %d items, %v, want %d, %v\n%s", way, len(got), err, len(want), wantErr, text(in))
			}
			if in.Limit != nil && n != pages {
				t.Fatalf("%s: %d pages, want %d\n%s", way, n, pages, text(in))
			}
		}
	}
	if results == 0 {
		t.Errorf("no scan has found anything, want some that do")
	}
}

// scan returns a scan with a random filter, or none, and pages of a random size.
func (g *generator) scan() dynamodb.ScanInput {
	in := dynamodb.ScanInput{TableName: aws.String(g.table), ConsistentRead: aws.Bool(g.IntN(2) == 0)}
	if g.IntN(3) == 0 {
		in.Limit = aws.Int32(1 + g.Int32N(5))
	}
	if g.IntN(8) == 0 {
		return in
	}
	in.ExpressionAttributeNames = make(map[string]string)
	in.ExpressionAttributeValues = make(ddbmodel.Item)
	name := func() string {
		attr := pick(g, append([]string{"name", "name"}, attributes...))
		in.ExpressionAttributeNames["#"+attr] = attr
		return "#" + attr
	}
	value := func(v types.AttributeValue) string {
		k := fmt.Sprintf(":v%d", len(in.ExpressionAttributeValues))
		in.ExpressionAttributeValues[k] = v
		return k
	}
	in.FilterExpression = aws.String(g.condition(name, value, 2))
	if len(in.ExpressionAttributeValues) == 0 {
		in.ExpressionAttributeValues = nil
	}
	return in
}

// alike returns items with their numbers in one form.
func alike(items map[string]ddbmodel.Item) map[string]any {
	m := make(map[string]any)
	for k, item := range items {
		m[k] = canonical(item)
	}
	return m
}

// TestScanUnmodelled shows that the model ignores no parameter of a Scan.
func TestScanUnmodelled(t *testing.T) {
	store := newModel("locks")
	for name, in := range map[string]*dynamodb.ScanInput{
		"a projection": {ProjectionExpression: aws.String("#x")},
		"a segment":    {Segment: aws.Int32(0), TotalSegments: aws.Int32(1)},
		"a count":      {Select: types.SelectCount},
	} {
		in.TableName = aws.String("locks")
		for way, api := range map[string]dynamo.API{"direct": ddbmodel.NewAPI(ddbmodel.Direct(store, time.Now)), "behind the SDK": newSDK(store)} {
			if _, err := do(t.Context(), api, in); err == nil || !strings.Contains(err.Error(), "not modelled") {
				t.Errorf("%s, %s: %v, want it not to be modelled", name, way, err)
			}
		}
	}
}

// TestListOnModel lists locks that the model keeps.
func TestListOnModel(t *testing.T) {
	store := newModel("locks")
	for way, api := range map[string]dynamo.API{"direct": ddbmodel.NewAPI(ddbmodel.Direct(store, time.Now)), "behind the SDK": newSDK(store)} {
		l, err := dynamo.New(api, "locks")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", way + "/a", way + "/b"} {
			if _, err := l.Acquire(t.Context(), name); err != nil {
				t.Fatalf("Acquire(%q) = %v, want nil", name, err)
			}
		}
		found := make(map[string]bool)
		for info, err := range l.List(t.Context(), way) {
			if err != nil {
				t.Errorf("%s: List yields %v, want no error", way, err)
			}
			found[info.Name] = info.State == locker.StateHeld
		}
		if want := map[string]bool{way + "/a": true, way + "/b": true}; !maps.Equal(found, want) {
			t.Errorf("%s: List yields %v, want %v", way, found, want)
		}
		l.Close(t.Context())
	}
}
