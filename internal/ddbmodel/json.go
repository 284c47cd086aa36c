package ddbmodel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// attr is an attribute value as AWS JSON 1.0 writes it: {"S": "text"}.
type attr struct{ v types.AttributeValue }

// wireAttr has one field for each type of value; one of them is set.
type wireAttr struct {
	S    *string          `json:",omitempty"`
	N    *string          `json:",omitempty"`
	B    *[]byte          `json:",omitempty"`
	BOOL *bool            `json:",omitempty"`
	NULL *bool            `json:",omitempty"`
	L    *[]attr          `json:",omitempty"`
	M    *map[string]attr `json:",omitempty"`
}

// UnmarshalJSON reads a value.
func (a *attr) UnmarshalJSON(b []byte) error {
	var w wireAttr
	if err := strict(b, &w); err != nil {
		return err
	}
	switch {
	case w.S != nil:
		a.v = &types.AttributeValueMemberS{Value: *w.S}
	case w.N != nil:
		a.v = &types.AttributeValueMemberN{Value: *w.N}
	case w.B != nil:
		a.v = &types.AttributeValueMemberB{Value: *w.B}
	case w.BOOL != nil:
		a.v = &types.AttributeValueMemberBOOL{Value: *w.BOOL}
	case w.NULL != nil:
		a.v = &types.AttributeValueMemberNULL{Value: *w.NULL}
	case w.L != nil:
		list := make([]types.AttributeValue, len(*w.L))
		for i, e := range *w.L {
			list[i] = e.v
		}
		a.v = &types.AttributeValueMemberL{Value: list}
	case w.M != nil:
		a.v = &types.AttributeValueMemberM{Value: fromWire(*w.M)}
	default:
		return &UnmodelledError{"attribute value " + string(b)}
	}
	return nil
}

// MarshalJSON writes a value.
func (a attr) MarshalJSON() ([]byte, error) {
	var w wireAttr
	switch v := a.v.(type) {
	case *types.AttributeValueMemberS:
		w.S = &v.Value
	case *types.AttributeValueMemberN:
		w.N = &v.Value
	case *types.AttributeValueMemberB:
		b := append([]byte{}, v.Value...) // nil would be null
		w.B = &b
	case *types.AttributeValueMemberBOOL:
		w.BOOL = &v.Value
	case *types.AttributeValueMemberNULL:
		w.NULL = &v.Value
	case *types.AttributeValueMemberL:
		list := make([]attr, len(v.Value))
		for i, e := range v.Value {
			list[i] = attr{e}
		}
		w.L = &list
	case *types.AttributeValueMemberM:
		m := toWire(v.Value)
		w.M = &m
	}
	return json.Marshal(w)
}

func fromWire(m map[string]attr) Item {
	if m == nil {
		return nil
	}
	item := make(Item, len(m))
	for k, a := range m {
		item[k] = a.v
	}
	return item
}

func toWire(item Item) map[string]attr {
	if item == nil {
		return nil
	}
	m := make(map[string]attr, len(item))
	for k, v := range item {
		m[k] = attr{v}
	}
	return m
}

// wireRequest has the parameters of all operations that are modelled.
type wireRequest struct {
	TableName                           *string
	Key                                 map[string]attr
	ConsistentRead                      *bool
	UpdateExpression                    *string
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]attr
	ReturnValues                        types.ReturnValue
	ReturnValuesOnConditionCheckFailure types.ReturnValuesOnConditionCheckFailure
	Limit                               *int32
	ExclusiveStartKey                   map[string]attr
	FilterExpression                    *string
}

// decodeRequest reads the body of a request.
func decodeRequest(operation string, body []byte) (any, error) {
	if operation == "TransactWriteItems" {
		return decodeTransaction(body)
	}
	var w wireRequest
	if err := strict(body, &w); err != nil {
		return nil, &UnmodelledError{fmt.Sprintf("%s %s: %v", operation, body, err)}
	}
	switch operation {
	case "GetItem":
		return &dynamodb.GetItemInput{TableName: w.TableName, Key: fromWire(w.Key), ConsistentRead: w.ConsistentRead}, nil
	case "UpdateItem":
		return &dynamodb.UpdateItemInput{
			TableName:                           w.TableName,
			Key:                                 fromWire(w.Key),
			UpdateExpression:                    w.UpdateExpression,
			ConditionExpression:                 w.ConditionExpression,
			ExpressionAttributeNames:            w.ExpressionAttributeNames,
			ExpressionAttributeValues:           fromWire(w.ExpressionAttributeValues),
			ReturnValues:                        w.ReturnValues,
			ReturnValuesOnConditionCheckFailure: w.ReturnValuesOnConditionCheckFailure,
		}, nil
	case "Scan":
		return &dynamodb.ScanInput{
			TableName:                 w.TableName,
			ConsistentRead:            w.ConsistentRead,
			Limit:                     w.Limit,
			ExclusiveStartKey:         fromWire(w.ExclusiveStartKey),
			FilterExpression:          w.FilterExpression,
			ExpressionAttributeNames:  w.ExpressionAttributeNames,
			ExpressionAttributeValues: fromWire(w.ExpressionAttributeValues),
		}, nil
	case "DescribeTable":
		return &dynamodb.DescribeTableInput{TableName: w.TableName}, nil
	}
	return nil, &UnmodelledError{"operation " + operation}
}

// encodeAnswer writes the body of an answer.
func encodeAnswer(ans Answer) ([]byte, error) {
	var refused *types.ConditionalCheckFailedException
	var canceled *types.TransactionCanceledException
	var api smithy.APIError
	switch {
	case errors.As(ans.Err, &canceled):
		return encodeCanceled(canceled)
	case errors.As(ans.Err, &refused):
		return json.Marshal(struct {
			Type    string          `json:"__type"`
			Message string          `json:"message"`
			Item    map[string]attr `json:",omitempty"`
		}{errorType(refused), refused.ErrorMessage(), toWire(refused.Item)})
	case errors.As(ans.Err, &api):
		return json.Marshal(map[string]string{"__type": errorType(api), "message": api.ErrorMessage()})
	}
	switch out := ans.Output.(type) {
	case *dynamodb.GetItemOutput:
		return json.Marshal(struct {
			Item map[string]attr `json:",omitempty"`
		}{toWire(out.Item)})
	case *dynamodb.UpdateItemOutput:
		return json.Marshal(struct {
			Attributes map[string]attr `json:",omitempty"`
		}{toWire(out.Attributes)})
	case *dynamodb.TransactWriteItemsOutput:
		return json.Marshal(map[string]any{"ConsumedCapacity": out.ConsumedCapacity})
	case *dynamodb.ScanOutput:
		items := make([]map[string]attr, len(out.Items))
		for i, item := range out.Items {
			items[i] = toWire(item)
		}
		return json.Marshal(struct {
			Items               []map[string]attr
			Count, ScannedCount int32
			LastEvaluatedKey    map[string]attr `json:",omitempty"`
		}{items, out.Count, out.ScannedCount, toWire(out.LastEvaluatedKey)})
	case *dynamodb.DescribeTableOutput:
		// The SDK's structs have the names of the wire, and strings for its enums.
		return json.Marshal(map[string]any{"Table": map[string]any{
			"TableName":            out.Table.TableName,
			"TableStatus":          out.Table.TableStatus,
			"KeySchema":            out.Table.KeySchema,
			"AttributeDefinitions": out.Table.AttributeDefinitions,
		}})
	}
	return nil, &UnmodelledError{fmt.Sprintf("answer %T", ans.Output)}
}

// errorType is the name of an error on the wire.
func errorType(err smithy.APIError) string {
	if err.ErrorCode() == "ValidationException" {
		return "com.amazon.coral.validate#ValidationException"
	}
	return "com.amazonaws.dynamodb.v20120810#" + err.ErrorCode()
}

// strict decodes JSON and refuses fields that v doesn't have.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
