package ddbmodel_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/internal/dynamodblocal"
)

var (
	requests = flag.Int("requests", 3000, "random requests that are sent to the model and to DynamoDB Local")
	oneSeed  = flag.Uint64("seed", 0, "seed of the random requests; 0: a new one")
)

func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }

// newModel returns a Store with a lock table.
func newModel(table string) *ddbmodel.Store {
	s := ddbmodel.NewStore(time.Now, nil)
	s.AddTable(table, "name")
	return s
}

// newSDK returns the real SDK's client on a model.
func newSDK(s *ddbmodel.Store) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: dynamodblocal.Region, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		HTTPClient: &http.Client{Transport: ddbmodel.NewRoundTripper(ddbmodel.Direct(s, time.Now))},
	})
}

// newTable creates a lock table in DynamoDB Local.
func newTable(t *testing.T, client *dynamodb.Client) string {
	t.Helper()
	table := fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("name"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("name"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatalf("CreateTable = %v, want nil", err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			t.Errorf("DeleteTable = %v, want nil", err)
		}
	})
	return table
}

// TestDifferential sends random requests to the model, directly and through the
// real SDK, and to DynamoDB Local, and compares the answers.
func TestDifferential(t *testing.T) {
	client := dynamodblocal.Client(t)
	table := newTable(t, client)
	seed := *oneSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), table: table}
	viaSDK := newSDK(newModel(table))
	direct := ddbmodel.NewAPI(ddbmodel.Direct(newModel(table), time.Now))
	codes := make(map[string]int)
	for i := range *requests {
		request := g.request()
		want, wantErr := do(t.Context(), client, request)
		codes[code(wantErr)]++
		for way, api := range map[string]dynamo.API{"model": direct, "model behind the SDK": viaSDK} {
			got, gotErr := do(t.Context(), api, request)
			if d := difference(got, want, gotErr, wantErr); d != "" {
				t.Fatalf("request %d of -seed %d: %s:\n%s\n%s", i, seed, way, d, text(request))
			}
		}
	}
	t.Logf("%d requests: %v", *requests, codes)
	for _, c := range []string{"", "ConditionalCheckFailedException", "ValidationException", "TransactionCanceledException"} {
		if *requests >= 1000 && codes[c] < *requests/20 {
			t.Errorf("%d answers of kind %q in %d, want a fair share", codes[c], c, *requests)
		}
	}
}

// do sends a request with one attempt.
func do(ctx context.Context, api dynamo.API, request any) (any, error) {
	once := func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }
	switch in := request.(type) {
	case *dynamodb.GetItemInput:
		return api.GetItem(ctx, in, once)
	case *dynamodb.UpdateItemInput:
		return api.UpdateItem(ctx, in, once)
	case *dynamodb.TransactWriteItemsInput:
		return api.TransactWriteItems(ctx, in, once)
	case *dynamodb.ScanInput:
		return api.Scan(ctx, in, once)
	}
	panic(fmt.Sprintf("unexpected %T", request))
}

// code is the code of DynamoDB's error, "" for nil, and the text of any other.
func code(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return api.ErrorCode()
	}
	return err.Error()
}

// difference compares two answers but for the words of an error and the form of
// numbers, and says how they differ.
func difference(got, want any, gotErr, wantErr error) string {
	if code(gotErr) != code(wantErr) {
		return fmt.Sprintf("error %v, want %v", gotErr, wantErr)
	}
	if d := differentReasons(got, want, gotErr, wantErr); d != "" {
		return d
	}
	a, b := attributesOf(got, gotErr), attributesOf(want, wantErr)
	if len(a) == 0 && len(b) == 0 || reflect.DeepEqual(canonical(a), canonical(b)) {
		return ""
	}
	return fmt.Sprintf("attributes %s, want %s (error %v)", text(a), text(b), wantErr)
}

// attributesOf returns the item that an answer brings, success or refusal.
func attributesOf(out any, err error) ddbmodel.Item {
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return refused.Item
	}
	if err != nil {
		return nil
	}
	switch out := out.(type) {
	case *dynamodb.GetItemOutput:
		return out.Item
	case *dynamodb.UpdateItemOutput:
		return out.Attributes
	}
	return nil
}

// canonical returns a value with its numbers in one form. DynamoDB stores numbers
// without idle zeros (developer guide, "Naming rules and data types"), and so
// does the model; DynamoDB Local returns most as they were written.
func canonical(v any) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberN:
		r, ok := new(big.Rat).SetString(v.Value)
		if !ok {
			return v
		}
		return r.RatString()
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, e := range v.Value {
			list[i] = canonical(e)
		}
		return list
	case *types.AttributeValueMemberM:
		return canonical(v.Value)
	case ddbmodel.Item:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = canonical(e)
		}
		return m
	}
	return v
}

// text shows a request or an item.
func text(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
