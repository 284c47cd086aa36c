// Package sim runs histories: the real packages locker and dynamo against a model
// of DynamoDB, in virtual time, with everything going wrong that a seed says.
//
// A history is one [Run] in one testing/synctest bubble. Some nodes, each with a
// clock of its own, run processes whose workers take locks and increment
// registers while they hold them. Clocks are wrong, step, drift and stand still
// while a node is suspended; nodes pause, crash and come back; the network loses,
// delays and repeats requests, and answers of which nobody can tell what they
// mean. Then all of that ends, and a fresh process has to get every lock soon.
//
// Checked in every history:
//
//   - No two leases of one name are believed in at one instant (belief.go). A
//     belief lasts from the return of Acquire to the last instant at which Err
//     returned nil; a loss that was seen has to stay.
//   - Tokens rise strictly, in the order of the commits and of the grants.
//   - A lease that is handed over without a request comes next after the one before,
//     with the next token of the same acquisition (acquisition.go).
//   - A lease is returned with at least half of its TTL remaining, lasts for its
//     MinHold, and for a TTL more than its MaxHold.
//   - A session that has ended stays so; a process that is closed sends nothing.
//   - A register that checks tokens accepts no stale write and loses no update
//     (register.go). One that does not, as a control, sees both.
//   - Every name can be had within two TTLs and some seconds (liveness.go).
//   - Every goroutine ends, and the model knows everything that it is asked.
//
// # Time
//
// One goroutine, the bubble's first, is the world. It takes one event at a time
// from its queue, moves the bubble's time to it, carries it out, and waits until
// all goroutines have come to rest before it takes the next. What reaches a
// process, reaches it as such an event: a timer that fires, an answer, the end of
// a worker's sleep. So a node is paused by withholding its events; its processes
// can't do anything then. Requests are the other end: one that is sent while its
// node is paused leaves when the node resumes.
//
// # Repeating a history
//
// All randomness comes from streams that depend on the seed and on what they are
// for: a request's fate on the process and the content of the request, not on
// when it was drawn. Goroutines that one event sets in motion run at the same
// time, though, and in any order; where two of them draw from their process's one
// stream of IDs and jitter, histories of one seed can differ. TestRepeats
// measures how often.
//
// Reading order: run.go, world.go, node.go, clock.go, process.go, network.go,
// fate.go, worker.go, register.go, belief.go, acquisition.go, liveness.go; weather.go has the
// numbers.
package sim
