package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/internal/ddbmodel"
	"example.com/holdfast/locker"
)

// api is a DynamoDB that notes what it is asked for, by the action that a policy
// has to allow. Items are the model's; it has the one table that is created.
type api struct {
	dynamo.API
	mu      sync.Mutex
	actions []string
	created *dynamodb.CreateTableInput
	live    *types.TimeToLiveSpecification
}

func newAPI() *api {
	model := ddbmodel.NewStore(time.Now, nil)
	model.AddTable("locks", "name")
	return &api{API: ddbmodel.NewAPI(ddbmodel.Direct(model, time.Now))}
}

func (a *api) asked(actions ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, action := range actions {
		a.actions = append(a.actions, "dynamodb:"+action)
	}
}

// take returns the actions since the last call, each once, in order.
func (a *api) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	actions := a.actions
	a.actions = nil
	slices.Sort(actions)
	return slices.Compact(actions)
}

func (a *api) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	a.asked("GetItem")
	return a.API.GetItem(ctx, in, o...)
}

func (a *api) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	a.asked("UpdateItem")
	return a.API.UpdateItem(ctx, in, o...)
}

func (a *api) Scan(ctx context.Context, in *dynamodb.ScanInput, o ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	a.asked("Scan")
	return a.API.Scan(ctx, in, o...)
}

func (a *api) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, o ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	a.asked("DescribeTable")
	if a.created == nil && aws.ToString(in.TableName) == "new" {
		return nil, &types.ResourceNotFoundException{}
	}
	in.TableName = aws.String("locks")
	return a.API.DescribeTable(ctx, in, o...)
}

func (a *api) CreateTable(_ context.Context, in *dynamodb.CreateTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	a.asked("CreateTable")
	if len(in.Tags) > 0 {
		a.asked("TagResource")
	}
	a.created = in
	return &dynamodb.CreateTableOutput{}, nil
}

func (a *api) DeleteTable(context.Context, *dynamodb.DeleteTableInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteTableOutput, error) {
	a.asked("DeleteTable")
	return &dynamodb.DeleteTableOutput{}, nil
}

func (a *api) DescribeTimeToLive(context.Context, *dynamodb.DescribeTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error) {
	a.asked("DescribeTimeToLive")
	return &dynamodb.DescribeTimeToLiveOutput{}, nil
}

func (a *api) UpdateTimeToLive(_ context.Context, in *dynamodb.UpdateTimeToLiveInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error) {
	a.asked("UpdateTimeToLive")
	a.live = in.TimeToLiveSpecification
	return &dynamodb.UpdateTimeToLiveOutput{}, nil
}

func locks(t *testing.T, a *api, table string) *dynamo.Locker {
	t.Helper()
	l, err := dynamo.New(a, table)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The templates make the very table that EnsureTable makes.
func TestTemplates(t *testing.T) {
	a := newAPI()
	if err := locks(t, a, "new").EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(a.created.KeySchema) != 1 || len(a.created.AttributeDefinitions) != 1 {
		t.Fatalf("EnsureTable has ordered %+v; want a key of one attribute", a.created)
	}
	key, attr := a.created.KeySchema[0], a.created.AttributeDefinitions[0]
	text := operating(t)
	want(t, "CloudFormation", flatten(fenced(t, text, "yaml")), map[string]string{
		"Resources.LockTable.Type":                                             "AWS::DynamoDB::Table",
		"Resources.LockTable.DeletionPolicy":                                   "Retain",
		"Resources.LockTable.UpdateReplacePolicy":                              "Retain",
		"Resources.LockTable.Properties.TableName":                             "locks",
		"Resources.LockTable.Properties.BillingMode":                           string(a.created.BillingMode),
		"Resources.LockTable.Properties.KeySchema.AttributeName":               aws.ToString(key.AttributeName),
		"Resources.LockTable.Properties.KeySchema.KeyType":                     string(key.KeyType),
		"Resources.LockTable.Properties.AttributeDefinitions.AttributeName":    aws.ToString(attr.AttributeName),
		"Resources.LockTable.Properties.AttributeDefinitions.AttributeType":    string(attr.AttributeType),
		"Resources.LockTable.Properties.TimeToLiveSpecification.AttributeName": aws.ToString(a.live.AttributeName),
		"Resources.LockTable.Properties.TimeToLiveSpecification.Enabled":       fmt.Sprint(aws.ToBool(a.live.Enabled)),
		"Resources.LockTable.Properties.DeletionProtectionEnabled":             "true",
	})
	want(t, "Terraform", flatten(fenced(t, text, "hcl")), map[string]string{
		"resource aws_dynamodb_table locks.name":                        "locks",
		"resource aws_dynamodb_table locks.billing_mode":                string(a.created.BillingMode),
		"resource aws_dynamodb_table locks.hash_key":                    aws.ToString(key.AttributeName),
		"resource aws_dynamodb_table locks.attribute.name":              aws.ToString(attr.AttributeName),
		"resource aws_dynamodb_table locks.attribute.type":              string(attr.AttributeType),
		"resource aws_dynamodb_table locks.ttl.attribute_name":          aws.ToString(a.live.AttributeName),
		"resource aws_dynamodb_table locks.ttl.enabled":                 fmt.Sprint(aws.ToBool(a.live.Enabled)),
		"resource aws_dynamodb_table locks.deletion_protection_enabled": "true",
	})
}

func want(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %s = %q, want %q", what, k, got[k], v)
		}
		delete(got, k)
	}
	if len(got) > 0 {
		t.Errorf("%s has more than is checked: %v", what, got)
	}
}

func operating(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("operating.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fenced returns the first block of a language.
func fenced(t *testing.T, text, language string) string {
	t.Helper()
	_, text, ok := strings.Cut(text, "```"+language+"\n")
	text, _, closed := strings.Cut(text, "\n```")
	if !ok || !closed {
		t.Fatalf("no block of %s", language)
	}
	return text
}

// flatten returns the values of a template that is indented by two spaces a level,
// in YAML with lists of one element each, or in HCL, by their paths.
func flatten(text string) map[string]string {
	all := make(map[string]string)
	var path []string
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		depth := (len(line) - len(trimmed)) / 2
		trimmed = strings.TrimSpace(trimmed)
		if item, ok := strings.CutPrefix(trimmed, "- "); ok {
			trimmed = item // the list's own level has no name
			depth++
		} else if trimmed == "" || trimmed == "}" {
			continue
		}
		key, value, found := strings.Cut(trimmed, ": ")
		if !found {
			key, value, _ = strings.Cut(trimmed, " = ")
		}
		key = strings.ReplaceAll(strings.TrimRight(key, " :{"), `"`, "")
		for len(path) <= depth {
			path = append(path, "")
		}
		path = path[:depth+1]
		path[depth] = key
		if value != "" {
			names := slices.DeleteFunc(slices.Clone(path), func(s string) bool { return s == "" })
			all[strings.Join(names, ".")] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return all
}

// Each policy allows what it is for, and nothing more.
func TestPolicies(t *testing.T) {
	ctx := t.Context()
	a := newAPI()
	l := locks(t, a, "locks")
	lease, err := l.Acquire(ctx, "billing/nightly")
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Renew(ctx); err != nil {
		t.Error(err)
	}
	other := locks(t, a, "locks")
	if _, err := other.Acquire(ctx, "billing/nightly", locker.WithWait(100*time.Millisecond)); err == nil {
		t.Error("a held lock was acquired")
	}
	if err := lease.Release(ctx); err != nil {
		t.Error(err)
	}
	allows(t, "holder", a.take())

	for _, err := range other.List(ctx, "") {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := other.Inspect(ctx, "billing/nightly"); err != nil {
		t.Error(err)
	}
	// lockctl table show asks for these two by itself.
	allows(t, "viewer", slices.Sorted(slices.Values(append(a.take(), "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"))))

	if _, err := l.Acquire(ctx, "billing/nightly"); err != nil {
		t.Fatal(err)
	}
	info, err := other.Inspect(ctx, "billing/nightly")
	if err != nil {
		t.Error(err)
	}
	a.take()
	if err := other.Break(ctx, info); err != nil {
		t.Error(err)
	}
	allows(t, "breaker", a.take())

	fresh := locks(t, a, "new")
	if err := fresh.EnsureTable(ctx); err != nil {
		t.Error(err)
	}
	if err := fresh.DeleteTable(ctx); err != nil {
		t.Error(err)
	}
	allows(t, "maker", a.take())
}

// allows compares the actions of a policy with those that were needed.
func allows(t *testing.T, name string, needed []string) {
	t.Helper()
	_, text, ok := strings.Cut(operating(t), "<!-- policy: "+name+" -->\n")
	if !ok {
		t.Fatalf("there is no policy for a %s", name)
	}
	var policy struct {
		Version   string
		Statement []struct {
			Effect    string
			Action    []string
			Resource  string
			Condition map[string]map[string][]string
		}
	}
	if err := json.Unmarshal([]byte(fenced(t, text, "json")), &policy); err != nil {
		t.Fatalf("the policy for a %s: %v", name, err)
	}
	var allowed []string
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || s.Resource != "arn:aws:dynamodb:*:*:table/locks" || policy.Version != "2012-10-17" {
			t.Errorf("the policy for a %s: %+v", name, s)
		}
		allowed = append(allowed, s.Action...)
		for operator, keys := range s.Condition { // IAM knows no keys of actions on the table itself
			if operator != "ForAllValues:StringLike" || len(keys) != 1 || keys["dynamodb:LeadingKeys"] == nil || slices.Contains(s.Action, "dynamodb:DescribeTable") {
				t.Errorf("the policy for a %s has the condition %v on %v", name, s.Condition, s.Action)
			}
		}
	}
	slices.Sort(allowed)
	if needed = slices.Compact(needed); !slices.Equal(allowed, needed) {
		t.Errorf("the policy for a %s allows %q, want %q", name, allowed, needed)
	}
}
