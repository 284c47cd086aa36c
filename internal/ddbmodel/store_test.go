package ddbmodel_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
)

// put sets the attribute x of an item, where condition holds.
func put(key, x, condition string) *dynamodb.UpdateItemInput {
	in := &dynamodb.UpdateItemInput{
		TableName: aws.String("locks"), Key: map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: key}},
		UpdateExpression:                    aws.String("SET #x = :x"),
		ExpressionAttributeNames:            map[string]string{"#x": "x"},
		ExpressionAttributeValues:           map[string]types.AttributeValue{":x": &types.AttributeValueMemberN{Value: x}},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if condition != "" {
		in.ConditionExpression = aws.String(condition)
	}
	return in
}

func TestConditions(t *testing.T) {
	api := ddbmodel.NewAPI(ddbmodel.Direct(newModel("locks"), time.Now))
	if _, err := api.UpdateItem(t.Context(), put("a", "5", "")); err != nil {
		t.Fatal(err)
	}
	for condition, want := range map[string]bool{
		"#x = :x":                               true, // 5.0 and 5 are one number
		"#x <> :x":                              false,
		"#x < :x OR #x > :x":                    false,
		"#x <= :x AND #x >= :x":                 true,
		"NOT #x = :x or attribute_exists(#x)":   true,
		"not (#x = :x OR attribute_exists(#x))": false,
		"attribute_not_exists(#x)":              false,
		"#x BETWEEN :x AND :x":                  true,
	} {
		_, err := api.UpdateItem(t.Context(), put("a", "5.0", condition))
		var refused *types.ConditionalCheckFailedException
		if (err == nil) != want || err != nil && !errors.As(err, &refused) {
			t.Errorf("%s: %v, want it to hold: %v", condition, err, want)
		}
		if refused != nil && refused.Item["x"].(*types.AttributeValueMemberN).Value != "5" {
			t.Errorf("%s: item %v, want the old one", condition, refused.Item)
		}
	}
	_, err := api.UpdateItem(t.Context(), put("b", "1", "#x = :x"))
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) || refused.Item != nil {
		t.Errorf("condition on an item that is not there: %v, want a refusal without one", err)
	}
}

// TestUnmodelled shows that the model ignores nothing.
func TestUnmodelled(t *testing.T) {
	store := newModel("locks")
	direct := ddbmodel.NewAPI(ddbmodel.Direct(store, time.Now))
	for name, change := range map[string]func(*dynamodb.UpdateItemInput){
		"a bare name":    func(in *dynamodb.UpdateItemInput) { in.ConditionExpression = aws.String("x = :x") },
		"a path":         func(in *dynamodb.UpdateItemInput) { in.ConditionExpression = aws.String("#x.#x = :x") },
		"a list element": func(in *dynamodb.UpdateItemInput) { in.UpdateExpression = aws.String("SET #x[0] = :x") },
		"IN":             func(in *dynamodb.UpdateItemInput) { in.ConditionExpression = aws.String("#x IN (:x)") },
		"a function":     func(in *dynamodb.UpdateItemInput) { in.ConditionExpression = aws.String("size(#x) = :x") },
		"ADD":            func(in *dynamodb.UpdateItemInput) { in.UpdateExpression = aws.String("ADD #x :x") },
		"consumed":       func(in *dynamodb.UpdateItemInput) { in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal },
		"collection sizes": func(in *dynamodb.UpdateItemInput) {
			in.ReturnItemCollectionMetrics = types.ReturnItemCollectionMetricsSize
		},
		"Expected": func(in *dynamodb.UpdateItemInput) {
			in.Expected = map[string]types.ExpectedAttributeValue{"x": {Exists: aws.Bool(false)}}
		},
		"a set": func(in *dynamodb.UpdateItemInput) {
			in.ExpressionAttributeValues[":x"] = &types.AttributeValueMemberSS{Value: []string{"a"}}
		},
	} {
		for way, api := range map[string]dynamo.API{"direct": direct, "behind the SDK": newSDK(store)} {
			in := put("a", "1", "")
			change(in)
			_, err := api.UpdateItem(t.Context(), in, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
			if err == nil || !strings.Contains(err.Error(), "not modelled") {
				t.Errorf("%s, %s: %v, want it not to be modelled", name, way, err)
			}
		}
	}
}

// TestHeaders shows that the Date of an answer can be read in the same ways as
// the SDK's, on success and on failure.
func TestHeaders(t *testing.T) {
	date := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	store := newModel("locks")
	send := ddbmodel.Direct(store, func() time.Time { return date })
	sdk := newSDK(store)
	transport := dynamodb.New(sdk.Options(), func(o *dynamodb.Options) {
		o.HTTPClient = &http.Client{Transport: ddbmodel.NewRoundTripper(send)}
	})
	for way, api := range map[string]dynamo.API{"direct": ddbmodel.NewAPI(send), "behind the SDK": transport} {
		out, err := api.UpdateItem(t.Context(), put("a", "1", ""))
		if err != nil {
			t.Fatal(err)
		}
		raw, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response)
		if !ok || raw.Header.Get("Date") != "Fri, 02 Jan 2026 03:04:05 GMT" {
			t.Errorf("%s: raw response %v, want the date in it", way, raw)
		}
		_, err = api.UpdateItem(t.Context(), put("a", "1", "attribute_not_exists(#x)"))
		var failed *awshttp.ResponseError
		if !errors.As(err, &failed) || failed.HTTPStatusCode() != 400 || failed.Response.Header.Get("Date") != "Fri, 02 Jan 2026 03:04:05 GMT" {
			t.Errorf("%s: error %v, want a response with the date in it", way, err)
		}
		if desc, err := api.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("locks")}); err != nil ||
			desc.Table.TableStatus != types.TableStatusActive || aws.ToString(desc.Table.KeySchema[0].AttributeName) != "name" {
			t.Errorf("%s: DescribeTable = %v, %v, want an active table with the key name", way, desc, err)
		}
	}
}

// TestStaleRead shows an eventually consistent read of the past, and a consistent
// one of the present.
func TestStaleRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newModel("locks")
		for _, x := range []string{"1", "2"} {
			if _, err := store.Do(put("a", x, ""), 0); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for _, tt := range []struct {
			age        time.Duration
			consistent bool
			want       string
		}{
			{0, false, "2"},
			{500 * time.Millisecond, false, "2"},
			{1500 * time.Millisecond, false, "1"},
			{1500 * time.Millisecond, true, "2"},
			{2500 * time.Millisecond, false, ""},
		} {
			out, err := store.Do(&dynamodb.GetItemInput{
				TableName: aws.String("locks"), Key: put("a", "0", "").Key, ConsistentRead: &tt.consistent,
			}, tt.age)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if n, ok := out.(*dynamodb.GetItemOutput).Item["x"].(*types.AttributeValueMemberN); ok {
				got = n.Value
			}
			if got != tt.want {
				t.Errorf("read %v old, consistent %v: %q, want %q", tt.age, tt.consistent, got, tt.want)
			}
		}
		if got := store.Item("locks", "a")["x"].(*types.AttributeValueMemberN).Value; got != "2" {
			t.Errorf("Item: %q, want 2", got)
		}
	})
}

// TestMissingTable expects DynamoDB's own error.
func TestMissingTable(t *testing.T) {
	store := newModel("another")
	_, err := newSDK(store).GetItem(context.Background(), &dynamodb.GetItemInput{TableName: aws.String("locks"), Key: put("a", "0", "").Key})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("GetItem = %v, want a ResourceNotFoundException", err)
	}
}
