//go:build !linux

package filestore

// machineClock knows no clock here that all processes share and nobody can set.
func machineClock() instant { return instant{} }
