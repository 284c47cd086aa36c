//go:build linux

package peers

import (
	"testing"

	"example.com/holdfast/dynamo"
)

// TestJava competes with the real Java client for names on one table of its layout.
func TestJava(t *testing.T) {
	t.Parallel()
	dir := prepare(t, program{
		dir:   "java",
		needs: []string{"java", "javac", "mvn"},
		build: [][]string{
			{"mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"},
			{"javac", "-cp", "lib/*", "Peer.java"},
		},
	})
	choose := func(o *dynamo.Options) { o.Layout = dynamo.LayoutJava }
	table, r := newTable(t, choose), newReferee()
	compete(t, table, choose, r, startChild(t, "Java client", table, r, dir, "java", "-Xmx256m", "-cp", "lib/*:.", "Peer"))
}
