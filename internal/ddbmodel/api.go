package ddbmodel

import (
	"context"
	"net/http"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// API is a dynamo.API without the AWS SDK in between: it costs microseconds a
// call. Its outputs and errors are built like the SDK's, as far as a caller can
// tell them apart. Options of a call are ignored: it always makes one attempt.
type API struct{ send Transport }

// NewAPI returns an API that sends its requests by send.
func NewAPI(send Transport) *API { return &API{send} }

// GetItem is the client's method of this name.
func (a *API) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	out, meta, err := call[*dynamodb.GetItemOutput](ctx, a, "GetItem", in)
	if out != nil {
		out.ResultMetadata = meta
	}
	return out, err
}

// UpdateItem is the client's method of this name.
func (a *API) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	out, meta, err := call[*dynamodb.UpdateItemOutput](ctx, a, "UpdateItem", in)
	if out != nil {
		out.ResultMetadata = meta
	}
	return out, err
}

// TransactWriteItems is the client's method of this name.
func (a *API) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	out, meta, err := call[*dynamodb.TransactWriteItemsOutput](ctx, a, "TransactWriteItems", in)
	if out != nil {
		out.ResultMetadata = meta
	}
	return out, err
}

// Scan is the client's method of this name.
func (a *API) Scan(ctx context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	out, meta, err := call[*dynamodb.ScanOutput](ctx, a, "Scan", in)
	if out != nil {
		out.ResultMetadata = meta
	}
	return out, err
}

// DescribeTable is the client's method of this name.
func (a *API) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	out, meta, err := call[*dynamodb.DescribeTableOutput](ctx, a, "DescribeTable", in)
	if out != nil {
		out.ResultMetadata = meta
	}
	return out, err
}

// CreateTable is not modelled; see [Store.AddTable].
func (a *API) CreateTable(_ context.Context, in *dynamodb.CreateTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	return nil, unmodelledRequest(in)
}

// DeleteTable is not modelled.
func (a *API) DeleteTable(_ context.Context, in *dynamodb.DeleteTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteTableOutput, error) {
	return nil, unmodelledRequest(in)
}

// DescribeTimeToLive is not modelled.
func (a *API) DescribeTimeToLive(_ context.Context, in *dynamodb.DescribeTimeToLiveInput, _ ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error) {
	return nil, unmodelledRequest(in)
}

// UpdateTimeToLive is not modelled.
func (a *API) UpdateTimeToLive(_ context.Context, in *dynamodb.UpdateTimeToLiveInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error) {
	return nil, unmodelledRequest(in)
}

// call sends a request and turns the answer into what the SDK returns.
func call[Output any](ctx context.Context, a *API, operation string, request any) (out Output, meta middleware.Metadata, err error) {
	ans, err := a.send(ctx, request)
	if err == nil {
		raw := &smithyhttp.Response{Response: &http.Response{StatusCode: ans.status(), Header: ans.header()}}
		if ans.Err == nil {
			return ans.Output.(Output), metadata(ctx, raw), nil
		}
		err = &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{Response: raw, Err: ans.Err}}
	}
	return out, meta, &smithy.OperationError{ServiceID: dynamodb.ServiceID, OperationName: operation, Err: err}
}

// metadata returns an output's metadata with the raw response, under the key that
// only the SDK's own middleware knows.
func metadata(ctx context.Context, raw *smithyhttp.Response) middleware.Metadata {
	_, meta, _ := awsmiddleware.AddRawResponse{}.HandleDeserialize(ctx, middleware.DeserializeInput{}, rawResponse{raw})
	return meta
}

// rawResponse is a handler that has an answer already.
type rawResponse struct{ raw *smithyhttp.Response }

func (r rawResponse) HandleDeserialize(context.Context, middleware.DeserializeInput) (middleware.DeserializeOutput, middleware.Metadata, error) {
	return middleware.DeserializeOutput{RawResponse: r.raw}, middleware.Metadata{}, nil
}
