package faulthttp

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"syscall"
	"time"
)

// ErrConnection is what a client sees of a connection that broke.
var ErrConnection error = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// Fail answers every request with err, and sends nothing.
func Fail(err error) Fault {
	return func(*Call) (*http.Response, error) { return nil, err }
}

// Drop is a request that gets lost: nothing is sent, and the connection breaks.
func Drop() Fault { return Fail(ErrConnection) }

// Refuse is a server that takes no connections.
func Refuse() Fault {
	return Fail(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED})
}

// NoSuchHost is a host name that can't be resolved.
func NoSuchHost() Fault {
	return Fail(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "dynamodb.invalid", IsNotFound: true}})
}

// Lose is an answer that gets lost: the request takes effect, then the connection
// breaks.
func Lose() Fault {
	return func(c *Call) (*http.Response, error) {
		if _, err := c.Send(); err != nil {
			return nil, err
		}
		return nil, ErrConnection
	}
}

// Hang is a request that is never sent nor answered: the client waits until it
// gives up.
func Hang() Fault {
	return func(c *Call) (*http.Response, error) {
		<-c.Context().Done()
		return nil, c.Context().Err()
	}
}

// HangAfter is a request that takes effect and is never answered: the client
// waits until it gives up.
func HangAfter() Fault {
	return func(c *Call) (*http.Response, error) {
		if _, err := c.Send(); err != nil {
			return nil, err
		}
		<-c.Context().Done()
		return nil, c.Context().Err()
	}
}

// Stall is a request that is sent once until is closed, unless its client has
// given up before.
func Stall(until <-chan struct{}) Fault {
	return func(c *Call) (*http.Response, error) {
		select {
		case <-until:
			return c.Send()
		case <-c.Context().Done():
			return nil, c.Context().Err()
		}
	}
}

// Delay is an answer that takes its time: the request takes effect at once, and
// the client hears of it d later, in real time.
func Delay(d time.Duration) Fault {
	return func(c *Call) (*http.Response, error) {
		resp, err := c.Send()
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return resp, err
		case <-c.Context().Done():
			return nil, c.Context().Err()
		}
	}
}

// Error answers with an error of DynamoDB, and sends nothing. The code is the
// name of the error alone, such as "ThrottlingException".
func Error(status int, code, message string) Fault { return ErrorWith(status, code, message, nil) }

// ErrorWith is Error with members of the answer besides type and message, such as
// the ThrottlingReasons of a throttled request.
func ErrorWith(status int, code, message string, members map[string]any) Fault {
	return func(c *Call) (*http.Response, error) {
		resp, err := errorAnswer(c, status, code, message, members)
		if err == nil {
			resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		}
		return resp, err
	}
}

func errorAnswer(c *Call, status int, code, message string, members map[string]any) (*http.Response, error) {
	body := map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": message}
	maps.Copy(body, members)
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("faulthttp: %w", err)
	}
	return c.Answer(status, b), nil
}

// FailAfter is a request that takes effect and is answered with an error of
// DynamoDB, such as 500 and "InternalServerError".
func FailAfter(status int, code, message string) Fault {
	return func(c *Call) (*http.Response, error) {
		resp, err := c.Send()
		if err != nil {
			return nil, err
		}
		date := resp.Header.Get("Date")
		if resp, err = errorAnswer(c, status, code, message, nil); err == nil {
			resp.Header.Set("Date", date)
		}
		return resp, err
	}
}

// Answer answers with body, and sends nothing.
func Answer(status int, body string) Fault {
	return func(c *Call) (*http.Response, error) {
		resp := c.Answer(status, []byte(body))
		resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		return resp, nil
	}
}
