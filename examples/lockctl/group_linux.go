package main

import "syscall"

// dieWithParent tells the child to end when lockctl is killed: others take the lock
// over one TTL later.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
