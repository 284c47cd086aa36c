package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// body is that of an UpdateItem request, with all the members that it may have.
type body struct {
	TableName                           *string
	Key                                 map[string]value
	UpdateExpression                    *string
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]value
	ReturnValues                        types.ReturnValue
	ReturnValuesOnConditionCheckFailure types.ReturnValuesOnConditionCheckFailure
}

// value is a DynamoDB value: {"S": "x"}, and so on.
type value map[string]string

// replay makes of recorded bodies the input for the SDK that leads to the same
// bodies, for another lock whose name has the same length.
func replay(bodies [][]byte, from, to string) ([]*dynamodb.UpdateItemInput, error) {
	if len(from) != len(to) {
		return nil, fmt.Errorf("%q and %q differ in length", from, to)
	}
	inputs := make([]*dynamodb.UpdateItemInput, len(bodies))
	for i, text := range bodies {
		var b body
		decoder := json.NewDecoder(strings.NewReader(strings.ReplaceAll(string(text), `"`+from+`"`, `"`+to+`"`)))
		decoder.DisallowUnknownFields() // it would not be sent again
		if err := decoder.Decode(&b); err != nil {
			return nil, fmt.Errorf("request %d is no UpdateItem that this benchmark can repeat: %w: %s", i, err, text)
		}
		key, err := attributes(b.Key)
		if err != nil {
			return nil, err
		}
		values, err := attributes(b.ExpressionAttributeValues)
		if err != nil {
			return nil, err
		}
		inputs[i] = &dynamodb.UpdateItemInput{
			TableName: b.TableName, Key: key,
			UpdateExpression: b.UpdateExpression, ConditionExpression: b.ConditionExpression,
			ExpressionAttributeNames: b.ExpressionAttributeNames, ExpressionAttributeValues: values,
			ReturnValues: b.ReturnValues, ReturnValuesOnConditionCheckFailure: b.ReturnValuesOnConditionCheckFailure,
		}
	}
	return inputs, nil
}

func attributes(all map[string]value) (map[string]types.AttributeValue, error) {
	attrs := make(map[string]types.AttributeValue, len(all))
	for name, v := range all {
		for kind, text := range v {
			switch kind {
			case "S":
				attrs[name] = &types.AttributeValueMemberS{Value: text}
			case "N":
				attrs[name] = &types.AttributeValueMemberN{Value: text}
			case "B":
				b, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					return nil, err
				}
				attrs[name] = &types.AttributeValueMemberB{Value: b}
			default:
				return nil, fmt.Errorf("a value of type %s", kind)
			}
		}
	}
	return attrs, nil
}

// sameBodies sends recorded requests again for another name, and makes sure that
// what goes out is what the library sent, but for the name and for the order of
// members, which the SDK leaves to chance.
func sameBodies(ctx context.Context, rec *recorder, api *dynamodb.Client, bodies [][]byte, from, to string) error {
	inputs, err := replay(bodies, from, to)
	if err != nil {
		return err
	}
	rec.bodies, rec.record = nil, true
	err = send(ctx, api, inputs)
	rec.record = false
	if err != nil {
		return err
	}
	if len(rec.bodies) != len(bodies) {
		return fmt.Errorf("%d requests were repeated by %d", len(bodies), len(rec.bodies))
	}
	for i, again := range rec.bodies {
		back := strings.ReplaceAll(string(again), `"`+to+`"`, `"`+from+`"`)
		if len(back) != len(bodies[i]) || !sameJSON([]byte(back), bodies[i]) {
			return fmt.Errorf("request %d is not the same:\n%s\n%s", i, bodies[i], back)
		}
	}
	return nil
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
