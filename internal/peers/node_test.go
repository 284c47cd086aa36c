//go:build linux

package peers

import (
	"testing"
	"time"

	"example.com/holdfast/dynamo"
)

// TestNode competes with the real Node package dynamo-lock for names on one table.
// That never releases and never renews: all of its holds end by themselves, and are
// taken over by rule B. Its clock is this machine's, so the margin may be small.
func TestNode(t *testing.T) {
	t.Parallel()
	dir := prepare(t, program{
		dir:   "node",
		needs: []string{"node", "npm"},
		build: [][]string{{"npm", "install", "--no-audit", "--no-fund", "--silent"}},
	})
	choose := func(o *dynamo.Options) { o.ClockMargin = 200 * time.Millisecond }
	table, r := newTable(t, choose), newReferee()
	compete(t, table, choose, r, startChild(t, "Node package", table, r, dir, "node", "peer.js"))
}
