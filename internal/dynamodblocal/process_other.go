//go:build !linux

package dynamodblocal

import "os/exec"

// ownGroup leaves cmd in this process's group, so that an interrupt from the
// terminal reaches it too.
func ownGroup(*exec.Cmd) {}

// killGroup kills cmd.
func killGroup(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // an error: it is gone already
}
