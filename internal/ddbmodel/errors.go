package ddbmodel

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// UnmodelledError says that a request uses something of DynamoDB that the model
// lacks. It is no answer of a store: a test that meets it has to fail.
type UnmodelledError struct{ What string }

// Error names what is missing.
func (e *UnmodelledError) Error() string { return "ddbmodel: not modelled: " + e.What }

// invalid returns DynamoDB's error for a request that breaks a rule. The SDK has
// no type of its own for it.
func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func missingTable(table string) error {
	return &types.ResourceNotFoundException{Message: aws.String("Requested resource not found: Table: " + table + " not found")}
}

// failedCondition is the error of a write whose condition is false. old is the
// item as it is, if the request asked for it and there is one.
func failedCondition(old Item) error {
	return &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed"), Item: old}
}
