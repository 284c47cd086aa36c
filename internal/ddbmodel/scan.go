package ddbmodel

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxPageSize is how much DynamoDB reads for one page, before the filter. API
// reference, Scan.
const maxPageSize = 1 << 20

// scan carries out a Scan. Items come in the order of their keys, where
// DynamoDB's order is that of the keys' hashes.
func (s *Store) scan(in *dynamodb.ScanInput, age time.Duration) (*dynamodb.ScanOutput, error) {
	sc, filter, err := s.understandScan(in)
	if err != nil {
		return nil, err
	}
	t := s.tables[aws.ToString(in.TableName)]
	if t == nil {
		return nil, missingTable(aws.ToString(in.TableName))
	}
	after := ""
	if in.ExclusiveStartKey != nil {
		if t, after, err = s.find(in.TableName, in.ExclusiveStartKey); err != nil {
			return nil, err
		}
	}
	if aws.ToBool(in.ConsistentRead) {
		age = 0
	}
	out := &dynamodb.ScanOutput{}
	read := 0
	for _, key := range slices.Sorted(maps.Keys(t.items)) {
		item := t.asOf(key, s.now().Add(-age))
		if key <= after || item == nil {
			continue
		}
		out.ScannedCount++
		read += size(item)
		if filter == nil || filter.holds(sc, item) {
			out.Count++
			out.Items = append(out.Items, maps.Clone(item))
		}
		if read >= maxPageSize || in.Limit != nil && out.ScannedCount == *in.Limit {
			out.LastEvaluatedKey = Item{t.key: item[t.key]}
			break
		}
	}
	return out, nil
}

// understandScan reads the filter and checks what can be checked without an item.
func (s *Store) understandScan(in *dynamodb.ScanInput) (sc scope, filter condition, err error) {
	switch {
	case in.AttributesToGet != nil, in.ConditionalOperator != "", in.ScanFilter != nil:
		return sc, nil, &UnmodelledError{"the parameters from before expressions"}
	case in.ProjectionExpression != nil, in.Select != "":
		return sc, nil, &UnmodelledError{"a projection"}
	case in.IndexName != nil, in.Segment != nil, in.TotalSegments != nil, in.ReturnConsumedCapacity != "":
		return sc, nil, &UnmodelledError{"IndexName, Segment, TotalSegments and ReturnConsumedCapacity"}
	}
	sc.names = in.ExpressionAttributeNames
	if sc.values, err = normalItem(in.ExpressionAttributeValues); err != nil || in.FilterExpression == nil {
		return sc, nil, err
	}
	p, err := s.parse("condition", *in.FilterExpression, parseCondition)
	if err != nil {
		return sc, nil, err
	}
	if err = checkPlaceholders(sc, p); err == nil {
		err = p.condition.check(sc)
	}
	return sc, p.condition, err
}

// beginning is begins_with of an attribute and a value.
type beginning struct{ path, prefix operand }

func (p *parser) beginning() (condition, error) {
	p.next()
	if !p.next().is("(") {
		return nil, p.unexpected()
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if !p.next().is(",") {
		return nil, p.unexpected()
	}
	prefix, err := p.operand()
	if err != nil {
		return nil, err
	}
	if !p.next().is(")") {
		return nil, p.unexpected()
	}
	return beginning{operand(path), prefix}, nil
}

func (c beginning) check(s scope) error {
	switch v := s.values[string(c.prefix)]; {
	case same(c.path, c.prefix, s):
		return invalid("Invalid expression: The first operand must be distinct from the remaining operands for this operator or function; operator: begins_with")
	case !c.prefix.isValue() || typeOf(v) == "S" || typeOf(v) == "B":
		return nil
	default:
		return invalid("Invalid FilterExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: %s", typeOf(v))
	}
}

func (c beginning) holds(s scope, item Item) bool {
	switch v := c.path.in(s, item).(type) {
	case *types.AttributeValueMemberS:
		prefix, ok := c.prefix.in(s, item).(*types.AttributeValueMemberS)
		return ok && strings.HasPrefix(v.Value, prefix.Value)
	case *types.AttributeValueMemberB:
		prefix, ok := c.prefix.in(s, item).(*types.AttributeValueMemberB)
		return ok && bytes.HasPrefix(v.Value, prefix.Value)
	}
	return false
}
