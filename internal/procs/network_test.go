//go:build unix

package procs

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"example.com/holdfast/internal/faulthttp"
)

// slowNetwork delays some requests of a worker, for up to d: they arrive even if
// the worker has given them up by then. Between the look at a lock and the write
// that follows from it there is room for others.
func slowNetwork(d time.Duration, rng *rand.Rand) *faulthttp.Transport {
	var mu sync.Mutex
	delay := func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(4) > 0 {
			return 0
		}
		return time.Duration(rng.Int64N(int64(d)))
	}
	type answer struct {
		resp *http.Response
		err  error
	}
	n := faulthttp.New(nil)
	n.Always(func(c *faulthttp.Call) (*http.Response, error) {
		late := delay()
		if late == 0 {
			return c.Send()
		}
		answers := make(chan answer, 1)
		go func() {
			time.Sleep(late)
			resp, err := c.SendWith(context.WithoutCancel(c.Context()))
			answers <- answer{resp, err}
		}()
		select {
		case a := <-answers:
			return a.resp, a.err
		case <-c.Context().Done():
			return nil, c.Context().Err()
		}
	})
	return n
}
