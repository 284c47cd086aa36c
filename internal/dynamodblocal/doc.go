// Package dynamodblocal gives tests a real DynamoDB Local.
//
// It takes the first of these that is to be had:
//
//  1. the server that AWS_ENDPOINT_URL_DYNAMODB names, as it is;
//  2. a container of [Image], by testcontainers;
//  3. with Java 17 or newer and Maven on the machine, the same DynamoDB Local
//     from Maven Central, copied once into the user's cache directory.
//
// Where none is to be had the test is skipped, with a message that says how to
// get one; with LOCKER_REQUIRE_DYNAMODB=1 it fails instead.
//
// A package whose tests need a DynamoDB has
//
//	func TestMain(m *testing.M) { os.Exit(dynamodblocal.Main(m)) }
//
// and its tests call [Client] or [Endpoint]. The first call starts the server,
// and [Main] stops it when the tests are done: one server for each test process.
// It is started by a goroutine of Main's, so that the first call may come from
// inside a testing/synctest bubble. A client inside a bubble needs an HTTP
// client of its own with DisableKeepAlives, since connections kept open outlive
// the bubble.
//
// DynamoDB Local keeps a set of tables for each access key ID and region: code
// that is to see the tables of a [Client] uses [AccessKeyID] and [Region].
//
// Reading order: main.go, select.go, container.go, java.go.
package dynamodblocal
