// Package ddbmodel is a model of Amazon DynamoDB in memory, for tests that need
// millions of requests or a store whose time they control.
//
// It evaluates the expressions that package dynamo sends, by DynamoDB's own
// rules, and leaves out everything else: syntax, parameters and operations that
// it does not model are an [*UnmodelledError], never ignored. A test sends random
// requests to the model and to DynamoDB Local and compares the answers.
//
// [Store] carries requests out. [API] is a dynamo.API and [NewRoundTripper] an
// HTTP transport for the real AWS SDK; both take a [Transport], a function that
// carries a request to a Store and its answer back, where a test injects faults.
//
// Modelled are GetItem, UpdateItem, TransactWriteItems of updates, Scan and
// DescribeTable. A request is judged against
// the items (check) before anything is changed (commit), so that a transaction
// can check several items before it changes any.
//
// Reading order: store.go, update.go, transact.go, lex.go, parse.go, condition.go, assign.go,
// value.go, number.go; then transport.go, api.go, http.go, json.go.
package ddbmodel
