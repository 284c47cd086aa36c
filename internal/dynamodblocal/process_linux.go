package dynamodblocal

import (
	"os/exec"
	"syscall"
)

// ownGroup puts cmd into a process group of its own, and has it killed when this
// process ends, however it ends: a killed test leaves no server behind.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup kills cmd and all that it started.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error: it is gone already
}
