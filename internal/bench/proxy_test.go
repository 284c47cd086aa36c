package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// TestProxy counts what the SDK sends through the proxy.
func TestProxy(t *testing.T) {
	p, err := newProxy(model(t, "locks"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	s, _ := newSettings()
	api := benchAt(s, p.url).client()
	key := map[string]types.AttributeValue{"name": str("a")}
	write := func(condition string) error {
		_, err := api.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: aws.String("locks"), Key: key,
			UpdateExpression: aws.String("SET #guid = :g"), ConditionExpression: aws.String(condition),
			ExpressionAttributeNames: map[string]string{"#guid": "guid"},
			ReturnValues:             types.ReturnValueAllNew, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			ExpressionAttributeValues: map[string]types.AttributeValue{":g": str("g")},
		})
		return err
	}
	if err := write("attribute_not_exists(#guid)"); err != nil {
		t.Fatal(err)
	}
	var refused *types.ConditionalCheckFailedException
	if err := write("attribute_not_exists(#guid)"); !errors.As(err, &refused) {
		t.Fatalf("second write = %v, want a failed condition", err)
	}
	for _, consistent := range []bool{false, true} {
		if _, err := api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("locks"), Key: key, ConsistentRead: &consistent}); err != nil {
			t.Fatal(err)
		}
	}
	got := sum(only(p.between(time.Time{}, time.Time{}), "a"))
	want := counts{requests: 4, reads: 2, writes: 2, refused: 1, readUnits: 1.5, writeUnits: 2}
	if got != want {
		t.Errorf("counts = %+v, want %+v", got, want)
	}
	if n := len(only(p.between(time.Time{}, time.Time{}), "b")); n != 0 {
		t.Errorf("%d calls for another name, want 0", n)
	}
	if n := len(p.between(time.Now(), time.Time{})); n != 0 {
		t.Errorf("%d calls from now on, want 0", n)
	}
}

// TestProxyDelay adds a network.
func TestProxyDelay(t *testing.T) {
	const delay = 30 * time.Millisecond
	p, err := newProxy(model(t, "locks"), delay)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	s, _ := newSettings()
	start := time.Now()
	_, err = benchAt(s, p.url).client().GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("locks"), Key: map[string]types.AttributeValue{"name": str("a")},
	})
	if took := time.Since(start); err != nil || took < delay {
		t.Errorf("GetItem = %v after %v, want nil after at least %v", err, took, delay)
	}
}

// TestUnits compares with what the developer guide says of sizes and units.
func TestUnits(t *testing.T) {
	item := func(n int) string { return `{"name":{"S":"` + strings.Repeat("x", n) + `"}}` } // n+4 bytes
	for _, test := range []struct {
		op, request, answer string
		read, write         float64
	}{
		{"GetItem", `{}`, `{}`, 0.5, 0},
		{"GetItem", `{}`, `{"Item":` + item(4092) + `}`, 0.5, 0},
		{"GetItem", `{}`, `{"Item":` + item(4093) + `}`, 1, 0},
		{"GetItem", `{"ConsistentRead":true}`, `{"Item":` + item(4093) + `}`, 2, 0},
		{"UpdateItem", `{}`, `{"Attributes":` + item(1020) + `}`, 0, 1},
		{"UpdateItem", `{}`, `{"Attributes":` + item(1021) + `}`, 0, 2},
		{"UpdateItem", `{}`, `{"__type":"x#` + conditionFailed + `","Item":` + item(1021) + `}`, 0, 2},
		{"PutItem", `{"Item":` + item(2045) + `}`, `{}`, 0, 3},
		{"DeleteItem", `{}`, `{}`, 0, 1},
		{"TransactWriteItems", `{}`, `{}`, 0, 2},
		{"DescribeTable", `{}`, `{}`, 0, 0},
	} {
		read, write := units(test.op, parse([]byte(test.request)), parse([]byte(test.answer)))
		if read != test.read || write != test.write {
			t.Errorf("units(%s, %.40s, %.40s) = %v, %v; want %v, %v", test.op, test.request, test.answer, read, write, test.read, test.write)
		}
	}
	mixed := `{"Item":{"n":{"N":"12345"},"b":{"B":"AAAA"},"t":{"BOOL":true},"m":{"M":{"k":{"S":"v"}}},"l":{"L":[{"S":"v"}]},"ss":{"SS":["a","b"]}}}`
	want := float64((1 + 4) + (1 + 3) + (1 + 1) + (1 + 3 + 2) + (1 + 3 + 1 + 1) + (2 + 3 + 2))
	if got := size(parse([]byte(mixed)).Item); got != want {
		t.Errorf("size(%s) = %v, want %v", mixed, got, want)
	}
}

// TestReplay makes the same body again, for another name, and refuses what it
// would not.
func TestReplay(t *testing.T) {
	text := `{"TableName":"t","Key":{"name":{"S":"ab"}},"UpdateExpression":"SET #x = :x","ConditionExpression":"#x < :x",` +
		`"ExpressionAttributeNames":{"#x":"x"},"ExpressionAttributeValues":{":x":{"N":"1"},":b":{"B":"AAAA"}},"ReturnValues":"ALL_NEW"}`
	inputs, err := replay([][]byte{[]byte(text)}, "ab", "cd")
	if err != nil {
		t.Fatal(err)
	}
	if got := inputs[0].Key["name"]; got.(*types.AttributeValueMemberS).Value != "cd" {
		t.Errorf("the name is %v, want cd", got)
	}
	if got := inputs[0].ExpressionAttributeValues[":b"]; len(got.(*types.AttributeValueMemberB).Value) != 3 {
		t.Errorf(":b is %v, want three bytes", got)
	}
	for name, bad := range map[string]string{
		"a member that would get lost": `{"TableName":"t","ReturnConsumedCapacity":"TOTAL"}`,
		"a list":                       `{"Key":{"name":{"L":"x"}}}`,
		"no JSON":                      `<html>`,
	} {
		if _, err := replay([][]byte{[]byte(bad)}, "ab", "cd"); err == nil {
			t.Errorf("%s: replay = nil, want an error", name)
		}
	}
	if _, err := replay(nil, "a", "ab"); err == nil {
		t.Error("names of two lengths: replay = nil, want an error")
	}
}

// TestStart: a worker that does not come up says why.
func TestStart(t *testing.T) {
	s, _ := newSettings()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	p, err := benchAt(s, "http://127.0.0.1:1").worker(ctx, holdfast, "x", 0, 0) // no name of a table
	if err == nil {
		p.quit()
		t.Fatal("a worker on table x came up")
	}
	if !strings.Contains(err.Error(), "table") {
		t.Errorf("a worker on table x: %v, want an error that names the table", err)
	}
}
