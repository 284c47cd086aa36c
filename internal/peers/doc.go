// Package peers locks beside the libraries that this one takes over from, on one
// table, and checks that at most one of all processes believes to be the holder.
//
// The other libraries are the real ones where they can be had: the Java client from
// Maven Central, the Node package dynamo-lock from npm. They are fetched into the
// user's cache directory, once. A machine without Maven and a JDK, or without npm,
// skips their tests, unless LOCKER_REQUIRE_PEERS=1. The Go library
// cirello.io/dynamolock is imitated, request by request, because no module proxy that
// these tests can count on has it; HOLDFAST_DYNAMOLOCK names a checkout of its
// version 2 or later with which the real one is tested as well.
//
// Both sides want the same names, over and over. Each reports for every hold from when
// to when it believed, by the clock that all processes of a machine share; whoever
// wants to crash stops renewing and goes on believing until its library says that
// the lease is over. The package has tests only, for Linux:
//
//	go test ./internal/peers -v
//
// Reading order: referee_test.go, holdfast_test.go, child_test.go, fetch_test.go, then
// a file for each other library and its program in testdata.
package peers
