// Package linear checks that locks are linearizable: real clients, several
// goroutines each, work on a real DynamoDB through a network that loses, delays
// and repeats; what they saw is written down as a history, and porcupine looks
// for an order of its operations that a lock with tokens could have had.
//
// The package has tests only:
//
//	go test ./internal/linear                             # 120 histories
//	go test ./internal/linear -linear-histories 2000
//	go test ./internal/linear -linear-seed S -linear-histories 1
//
// A failure prints the seed of its history and the path of porcupine's picture of
// it. The seed brings back the same orders and the same faults, but not the
// timing of the machine.
//
// Reading order: model_test.go, hand_test.go, history_test.go, network_test.go,
// worker_test.go, linear_test.go.
package linear
