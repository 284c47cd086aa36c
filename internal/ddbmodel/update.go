package ddbmodel

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxItemSize is DynamoDB's limit: 400 KB. Developer guide, "Quotas".
const maxItemSize = 400 << 10

// write is an UpdateItem that was judged but not carried out yet.
type write struct {
	in  *dynamodb.UpdateItemInput
	sc  scope
	u   update
	t   *table
	key string
	old Item // nil if there is none
	new Item
	err error // why it is refused, nil if it is not
}

// update carries out an UpdateItem.
func (s *Store) update(in *dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error) {
	w := s.check(in)
	if w.err != nil {
		return nil, w.err
	}
	s.commit(w)
	return &dynamodb.UpdateItemOutput{Attributes: w.returned()}, nil
}

// check judges a write against the item as it is.
func (s *Store) check(in *dynamodb.UpdateItemInput) *write {
	w := &write{in: in}
	var where condition
	if where, w.err = s.understand(w); w.err != nil {
		return w
	}
	if w.t, w.key, w.err = s.find(in.TableName, in.Key); w.err != nil {
		return w
	}
	if w.err = w.u.check(w.sc); w.err != nil {
		return w
	}
	w.old = w.t.latest(w.key)
	if where != nil && !where.holds(w.sc, w.old) {
		w.err = failedCondition(nil)
		if in.ReturnValuesOnConditionCheckFailure == types.ReturnValuesOnConditionCheckFailureAllOld {
			w.err = failedCondition(maps.Clone(w.old))
		}
		return w
	}
	base := w.old
	if base == nil {
		base = in.Key
	}
	if w.new, w.err = w.u.apply(w.sc, base, w.t.key); w.err != nil {
		return w
	}
	if size(w.new) > maxItemSize {
		w.err = invalid("Item size to update has exceeded the maximum allowed size")
	}
	return w
}

// commit makes the write's item the present one.
func (s *Store) commit(w *write) {
	w.t.items[w.key] = append(w.t.items[w.key], version{s.now(), w.new})
	if s.committed != nil {
		s.committed(Change{Table: aws.ToString(w.in.TableName), Key: w.key, Before: w.old, New: w.new})
	}
}

// understand reads the expressions of a write and checks what can be checked
// without an item. It returns the condition, nil if there is none.
func (s *Store) understand(w *write) (where condition, err error) {
	in := w.in
	switch {
	case in.Expected != nil, in.AttributeUpdates != nil, in.ConditionalOperator != "":
		return nil, &UnmodelledError{"the parameters from before expressions"}
	case in.ReturnConsumedCapacity != "", in.ReturnItemCollectionMetrics != "":
		return nil, &UnmodelledError{"ReturnConsumedCapacity and ReturnItemCollectionMetrics"}
	case in.UpdateExpression == nil:
		return nil, &UnmodelledError{"UpdateItem without an update expression"}
	}
	w.sc.names = in.ExpressionAttributeNames
	if w.sc.values, err = normalItem(in.ExpressionAttributeValues); err != nil {
		return nil, err
	}
	expressions := make([]*parsed, 0, 2)
	p, err := s.parse("update", *in.UpdateExpression, parseUpdate)
	if err != nil {
		return nil, err
	}
	w.u, expressions = p.update, append(expressions, p)
	if in.ConditionExpression != nil {
		if p, err = s.parse("condition", *in.ConditionExpression, parseCondition); err != nil {
			return nil, err
		}
		where, expressions = p.condition, append(expressions, p)
	}
	if err = checkPlaceholders(w.sc, expressions...); err == nil && where != nil {
		err = where.check(w.sc)
	}
	return where, err
}

// parse is read, or what it has returned for the same text before.
func (s *Store) parse(what, text string, read func(string) (*parsed, error)) (*parsed, error) {
	key := what + " " + text
	if p := s.cache[key]; p != nil {
		return p, nil
	}
	p, err := read(text)
	if err == nil {
		s.cache[key] = p
	}
	return p, err
}

// checkPlaceholders wants every placeholder defined that the expressions use, and
// every one used that the request defines.
func checkPlaceholders(s scope, expressions ...*parsed) error {
	used := make(map[string]bool, len(s.names)+len(s.values))
	for _, p := range expressions {
		for _, n := range p.names {
			if _, ok := s.names[n]; !ok {
				return invalid("Invalid expression: An expression attribute name used in the document path is not defined; attribute name: %s", n)
			}
			used[n] = true
		}
		for _, v := range p.values {
			if _, ok := s.values[v]; !ok {
				return invalid("Invalid expression: An expression attribute value used in expression is not defined; attribute value: %s", v)
			}
			used[v] = true
		}
	}
	for n := range s.names {
		if !used[n] {
			return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", n)
		}
	}
	for v := range s.values {
		if !used[v] {
			return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", v)
		}
	}
	return nil
}

// returned is what the request asked to be told.
func (w *write) returned() Item {
	switch w.in.ReturnValues {
	case types.ReturnValueAllNew:
		return maps.Clone(w.new)
	case types.ReturnValueAllOld:
		return maps.Clone(w.old)
	case types.ReturnValueUpdatedNew:
		return w.touched(w.new)
	case types.ReturnValueUpdatedOld:
		return w.touched(w.old)
	}
	return nil
}

// touched returns those attributes of an item that the update names.
func (w *write) touched(item Item) Item {
	out := make(Item)
	for _, attr := range w.u.touches(w.sc) {
		if v := item[attr]; v != nil {
			out[attr] = v
		}
	}
	return out
}
