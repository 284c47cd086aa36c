// Package planted proves that the tests can fail. Each of its bugs is a small
// textual change to the real source, applied by the -overlay flag of the go
// command, and has to be caught by the simulator or by a named test. Its own test
// fails when a change no longer applies, or is no longer caught.
//
//	go test ./internal/planted -v
package planted
