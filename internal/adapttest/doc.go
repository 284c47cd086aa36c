// Package adapttest tests package locker/adapt with the modules that it is for:
// their own public suites where they have some, on locks in memory and in DynamoDB.
// It is a module of its own so that the library does not depend on any of them.
//
//	go -C internal/adapttest test ./...
package adapttest
