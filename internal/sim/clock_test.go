package sim

import (
	"testing"
	"time"
)

func TestClocks(t *testing.T) {
	c := clocks{mono: time.Hour, boot: 2 * time.Hour, wall: -time.Minute, rate: 500, wallRate: -500}
	c = c.at(1000 * time.Second)
	c.asleep = true
	c = c.at(2000 * time.Second)
	c.asleep = false
	c = c.at(3000 * time.Second)
	want := clocks{
		since: 3000 * time.Second,
		mono:  time.Hour + 2001*time.Second,
		boot:  2*time.Hour + 3001500*time.Millisecond,
		wall:  -time.Minute + 2998500*time.Millisecond,
		rate:  500, wallRate: -500,
	}
	if c != want {
		t.Errorf("clocks %+v, want %+v", c, want)
	}
}

// TestUntil wants a timer never to fire before its time by its own clock, and
// hardly after it.
func TestUntil(t *testing.T) {
	for _, rate := range []int64{-maxDrift, 0, maxDrift} {
		c := clocks{rate: rate}
		for _, due := range []time.Duration{0, 1, time.Millisecond, time.Second, time.Hour} {
			now, looks := time.Duration(0), 0
			for c.at(now).mono < due {
				now += c.at(now).until(due)
				looks++
			}
			if late := c.at(now).mono - due; late > 2*time.Microsecond || looks > 3 {
				t.Errorf("rate %d: a timer of %v fires %v late after %d looks", rate, due, late, looks)
			}
		}
	}
}
