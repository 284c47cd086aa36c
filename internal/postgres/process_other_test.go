//go:build !linux

package postgres

import "os/exec"

// runAs does nothing: PostgreSQL will say that it doesn't run as root.
func runAs(*exec.Cmd, uint32, uint32) {}

// endWithThread does nothing: a test that is killed leaves its server behind.
func endWithThread(*exec.Cmd) {}
