package faulthttp

import (
	"context"
	"net/http"
)

// Copy is a request that the network kept. Deliver sends it, byte by byte the
// same, as often as it is called, and returns the server's answer.
type Copy struct {
	Operation string
	call      *Call
}

// Deliver sends the request. It no longer depends on the client that made it.
func (c *Copy) Deliver(ctx context.Context) (*http.Response, error) { return c.call.SendWith(ctx) }

// Keep is a request of which the network keeps a copy: it is sent and answered as
// usual, and copies receives it. copies needs room for one value for each such
// request; a copy for which there is none is dropped.
func Keep(copies chan<- *Copy) Fault {
	return func(c *Call) (*http.Response, error) {
		resp, err := c.Send()
		keep(copies, c)
		return resp, err
	}
}

// Late is a request that is held up: the connection breaks before it is sent, and
// it arrives when the test delivers what copies receives. copies needs room, as
// with [Keep].
func Late(copies chan<- *Copy) Fault {
	return func(c *Call) (*http.Response, error) {
		keep(copies, c)
		return nil, ErrConnection
	}
}

func keep(copies chan<- *Copy, c *Call) {
	kept := &Call{Operation: c.Operation, Body: c.Body, t: c.t, req: c.req.WithContext(context.WithoutCancel(c.Context()))}
	select {
	case copies <- &Copy{c.Operation, kept}:
	default:
	}
}
