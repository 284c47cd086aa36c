package ddbmodel

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// wireTransaction has the parameters of a transaction that are modelled.
type wireTransaction struct {
	TransactItems          []struct{ Update *wireUpdate }
	ClientRequestToken     *string
	ReturnConsumedCapacity types.ReturnConsumedCapacity
}

type wireUpdate struct {
	TableName                           *string
	Key                                 map[string]attr
	UpdateExpression                    *string
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]attr
	ReturnValuesOnConditionCheckFailure types.ReturnValuesOnConditionCheckFailure
}

// decodeTransaction reads the body of a TransactWriteItems.
func decodeTransaction(body []byte) (any, error) {
	var w wireTransaction
	if err := strict(body, &w); err != nil {
		return nil, &UnmodelledError{fmt.Sprintf("TransactWriteItems %s: %v", body, err)}
	}
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: w.ClientRequestToken, ReturnConsumedCapacity: w.ReturnConsumedCapacity}
	for _, one := range w.TransactItems {
		u := one.Update
		if u == nil {
			return nil, &UnmodelledError{"a transaction of anything but updates"}
		}
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: &types.Update{
			TableName:                           u.TableName,
			Key:                                 fromWire(u.Key),
			UpdateExpression:                    u.UpdateExpression,
			ConditionExpression:                 u.ConditionExpression,
			ExpressionAttributeNames:            u.ExpressionAttributeNames,
			ExpressionAttributeValues:           fromWire(u.ExpressionAttributeValues),
			ReturnValuesOnConditionCheckFailure: u.ReturnValuesOnConditionCheckFailure,
		}})
	}
	return in, nil
}

// encodeCanceled writes the body of the answer to a transaction that was canceled.
func encodeCanceled(err *types.TransactionCanceledException) ([]byte, error) {
	type reason struct {
		Code    *string
		Message *string         `json:",omitempty"`
		Item    map[string]attr `json:",omitempty"`
	}
	reasons := make([]reason, len(err.CancellationReasons))
	for i, r := range err.CancellationReasons {
		reasons[i] = reason{r.Code, r.Message, toWire(r.Item)}
	}
	return json.Marshal(map[string]any{"__type": errorType(err), "Message": err.ErrorMessage(), "CancellationReasons": reasons})
}
