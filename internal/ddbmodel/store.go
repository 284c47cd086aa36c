package ddbmodel

import (
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Store is a DynamoDB of tables whose key is one string. Create it with [NewStore].
// Its methods are safe for use by several goroutines at once; requests take
// effect one after the other.
type Store struct {
	now       func() time.Time
	committed func(Change)

	mu     sync.Mutex
	tables map[string]*table
	cache  map[string]*parsed // by kind and text of the expression

	transactions map[string]done // that took effect, by token
}

// Change is a write that took effect.
type Change struct {
	Table, Key  string
	Before, New Item // Before is nil when there was no item; neither may be changed
}

// table holds the versions of its items, oldest first.
type table struct {
	key   string // attribute name
	items map[string][]version
}

// version is an item from some moment on.
type version struct {
	from time.Time
	item Item
}

// NewStore returns a Store without tables, which takes the moments of its writes
// from now. It calls committed after each write, before the next one begins; nil
// means that nobody is told.
func NewStore(now func() time.Time, committed func(Change)) *Store {
	return &Store{now: now, committed: committed, tables: make(map[string]*table), cache: make(map[string]*parsed)}
}

// AddTable adds an empty, active table with this hash key of type S.
func (s *Store) AddTable(name, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables[name] = &table{key: key, items: make(map[string][]version)}
}

// Item returns the item with this key as it is now, nil if there is none. It may
// not be changed.
func (s *Store) Item(table, key string) Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[table]
	if t == nil {
		return nil
	}
	return t.latest(key)
}

// Clear empties a table, as if its items had never been.
func (s *Store) Clear(table string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tables[table].items)
}

// Do carries out a request: a *dynamodb.GetItemInput, *dynamodb.UpdateItemInput,
// *dynamodb.TransactWriteItemsInput, *dynamodb.ScanInput or *dynamodb.DescribeTableInput. It returns the output of that type, or one of
// DynamoDB's errors as the SDK has it, or an [*UnmodelledError].
//
// age is how old a state an eventually consistent read shows; zero, the present.
func (s *Store) Do(request any, age time.Duration) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch in := request.(type) {
	case *dynamodb.GetItemInput:
		return s.get(in, age)
	case *dynamodb.UpdateItemInput:
		return s.update(in)
	case *dynamodb.TransactWriteItemsInput:
		return s.transact(in)
	case *dynamodb.ScanInput:
		return s.scan(in, age)
	case *dynamodb.DescribeTableInput:
		return s.describe(in)
	}
	return nil, unmodelledRequest(request)
}

func (s *Store) get(in *dynamodb.GetItemInput, age time.Duration) (*dynamodb.GetItemOutput, error) {
	switch {
	case in.AttributesToGet != nil, in.ProjectionExpression != nil, in.ExpressionAttributeNames != nil:
		return nil, &UnmodelledError{"a projection"}
	case in.ReturnConsumedCapacity != "":
		return nil, &UnmodelledError{"ReturnConsumedCapacity"}
	}
	t, key, err := s.find(in.TableName, in.Key)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(in.ConsistentRead) {
		age = 0
	}
	return &dynamodb.GetItemOutput{Item: maps.Clone(t.asOf(key, s.now().Add(-age)))}, nil
}

func (s *Store) describe(in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
	t := s.tables[aws.ToString(in.TableName)]
	if t == nil {
		return nil, missingTable(aws.ToString(in.TableName))
	}
	return &dynamodb.DescribeTableOutput{Table: &types.TableDescription{
		TableName:            in.TableName,
		TableStatus:          types.TableStatusActive,
		KeySchema:            []types.KeySchemaElement{{AttributeName: &t.key, KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: &t.key, AttributeType: types.ScalarAttributeTypeS}},
	}}, nil
}

// find returns the table of a request, and the value of its key.
func (s *Store) find(name *string, key Item) (*table, string, error) {
	if key == nil {
		return nil, "", invalid("1 validation error detected: Value null at 'key' failed to satisfy constraint: Member must not be null")
	}
	for attr, v := range key {
		if _, err := normal(v); err != nil {
			return nil, "", err
		}
		if s, ok := v.(*types.AttributeValueMemberS); ok && s.Value == "" {
			return nil, "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", attr)
		}
	}
	t := s.tables[aws.ToString(name)]
	if t == nil {
		return nil, "", missingTable(aws.ToString(name))
	}
	v, ok := key[t.key].(*types.AttributeValueMemberS)
	switch {
	case !ok || len(key) != 1:
		return nil, "", invalid("The provided key element does not match the schema")
	case len(v.Value) > 2048:
		return nil, "", invalid("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes")
	}
	return t, v.Value, nil
}

// latest returns the item as it is.
func (t *table) latest(key string) Item {
	versions := t.items[key]
	if len(versions) == 0 {
		return nil
	}
	return versions[len(versions)-1].item
}

// asOf returns the item as it was at a moment.
func (t *table) asOf(key string, at time.Time) Item {
	versions := t.items[key]
	for i := len(versions) - 1; i >= 0; i-- {
		if !versions[i].from.After(at) {
			return versions[i].item
		}
	}
	return nil
}
