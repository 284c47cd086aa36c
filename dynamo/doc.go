// Package dynamo is a [locker.Locker] on Amazon DynamoDB: one item a lock, and
// one conditional write for each of acquire, renew and release.
//
// # Promise
//
// At most one holder believes that it holds a name at any time, given clocks
// that run at the right rate and, where rule B is on, DynamoDB front ends whose
// Date headers agree within half of ClockMargin; for effects outside, pass the
// fencing token.
//
// Nobody's wall clock is trusted. Two rules let a contender take over a lease
// that was not released:
//
//   - Rule A: the record was seen unchanged for its own TTL, on this machine's
//     monotonic clock.
//   - Rule B: the record says when the lease ends by DynamoDB's own time, and
//     that moment has certainly passed. DynamoDB's time is known within bounds
//     from the Date header of its answers; see bounds.go. By this rule a process
//     that has just started takes a long-dead lock at once.
//
// A Date that is a day or more away from this machine's own wall clock is not
// taken for DynamoDB's time: on such a machine rule A alone decides, and each
// acquire costs a read more.
//
// # Table
//
// A table has one hash key, name, of type S. [Locker.CreateTable] and
// [Locker.EnsureTable] make one. Items are a superset of those of the Node
// package dynamo-lock, so both can work on one table; on such a table exclusion
// is as good as the wall clocks of the Node processes, and tokens are not
// promised to rise, because that package erases them. A [Layout] that is not native
// is for a rolling deploy beside dynamolock or the AWS client for Java.
//
// The core needs dynamodb:GetItem and dynamodb:UpdateItem on the table, and
// dynamodb:DescribeTable to check the table once; where that is denied the
// check is left out, and the observer told. [Locker.List] needs dynamodb:Scan.
//
// [locker.Client.AcquireAll] takes up to 100 names by one TransactWriteItems of the same
// writes, for which IAM asks for dynamodb:UpdateItem too; each costs twice as many
// write units in it. A global table with strong consistency has no transactions: there
// the names are acquired one after the other.
//
// # Reading order
//
// locker/locker.go → locker/client.go → dynamo/doc.go → acquire.go → expr.go →
// item.go → renew.go → release.go. Beside them: transact.go (several names at once), bounds.go and token.go (time),
// list.go and break.go (for operators), outcome.go (what an error means), call.go
// (one request), table.go and schema.go (the table). Tables of other libraries have a
// backend of their own: layout.go → layout_store.go → layout_expr.go →
// layout_record.go → layout_look.go.
package dynamo
