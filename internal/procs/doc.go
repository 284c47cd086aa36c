// Package procs has real processes work under locks on a real DynamoDB, and
// stops, kills and restarts them meanwhile.
//
// A worker is the test binary, started once more. It acquires, reads two
// registers, works, checks its lease and writes the registers; one register
// checks fencing tokens, the other is the control. The registers are kept by
// the test process, the referee, which also records what every worker reports
// and judges it by the one clock that all processes of a machine share.
//
// The package has tests only, for systems with Unix signals:
//
//	go test ./internal/procs                                # 60 s of it
//	go test ./internal/procs -timeout 20m -procs 10m -v     # with the figures
//
// Reading order: main_test.go, protocol_test.go, worker_test.go,
// referee_test.go, judge_test.go, process_test.go, chaos_test.go, then the tests
// for one fault each: stopped_test.go, killed_test.go, restart_test.go.
package procs
