package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/holdfast/dynamo"
	"example.com/holdfast/locker"
)

// format is the value of --output.
type format string

const (
	formatText format = ""
	formatJSON format = "json"
)

func (f *format) String() string {
	if *f == formatText {
		return "text"
	}
	return string(*f)
}

func (f *format) Type() string { return "format" }

func (f *format) Set(s string) error {
	switch s {
	case "text":
		*f = formatText
	case "json":
		*f = formatJSON
	default:
		return errors.New("want text or json")
	}
	return nil
}

// lock is a lock for programs: durations are seconds.
type lock struct {
	Name      string     `json:"name"`
	State     string     `json:"state"`
	Owner     string     `json:"owner,omitempty"`
	ID        string     `json:"id,omitempty"`
	Token     int64      `json:"token,omitempty"`
	TTL       float64    `json:"ttl_seconds,omitempty"`
	Acquired  *time.Time `json:"acquired,omitempty"`
	Remaining float64    `json:"remaining_seconds"`
	Doubt     float64    `json:"doubt_seconds,omitempty"`
	Broken    bool       `json:"broken,omitempty"`
	Data      string     `json:"data,omitempty"`
	RawData   []byte     `json:"data_base64,omitempty"` // where Data would not be text
	Error     string     `json:"error,omitempty"`
}

func newLock(info locker.Info, err error) lock {
	l := lock{
		Name: info.Name, State: info.State.String(), Owner: info.Owner, ID: info.AcquisitionID, Token: int64(info.Token),
		TTL: info.TTL.Seconds(), Remaining: info.Remaining.Seconds(), Doubt: info.Doubt.Seconds(), Broken: isBroken(info),
	}
	if !info.Acquired.IsZero() {
		l.Acquired = new(info.Acquired.UTC())
	}
	if utf8.Valid(info.Data) {
		l.Data = string(info.Data)
	} else {
		l.RawData = info.Data
	}
	if err != nil {
		l.Error = err.Error()
	}
	return l
}

// isBroken reports whether the acquisition was broken; see [locker.BrokenID].
func isBroken(info locker.Info) bool { return strings.HasPrefix(info.AcquisitionID, "broken") }

// print writes v as JSON, or else calls text.
func (a *app) print(v any, text func()) error {
	if a.output != formatJSON {
		text()
		return nil
	}
	return json.NewEncoder(a.out).Encode(v)
}

// note tells people what goes on, on standard error; programs get a line of JSON.
func (a *app) note(event, text string, details map[string]any) {
	if a.output != formatJSON {
		fmt.Fprintln(a.err, "lockctl:", text)
		return
	}
	line := map[string]any{"event": event, "text": text}
	maps.Copy(line, details)
	json.NewEncoder(a.err).Encode(line) // standard error is the last resort
}

// fail tells of an error and of what to do next.
func (a *app) fail(err error, status int) {
	next := a.advice(err)
	if a.output == formatJSON {
		line := map[string]any{"error": err.Error(), "status": status}
		if next != "" {
			line["next"] = next
		}
		json.NewEncoder(a.err).Encode(line)
		return
	}
	fmt.Fprintln(a.err, "lockctl:", err)
	if next != "" {
		fmt.Fprintln(a.err, "lockctl: next:", next)
	}
}

// advice says what to do about an error.
func (a *app) advice(err error) string {
	var missing *types.ResourceNotFoundException
	var api smithy.APIError
	switch {
	case errors.As(err, &missing):
		return "create the table with: " + a.commandLine("table", "ensure")
	case errors.Is(err, syscall.ENOEXEC):
		return "a script has to begin with a line such as #!/bin/sh"
	case errors.As(err, new(config.SharedConfigProfileNotExistError)):
		return "set AWS_PROFILE to a profile of your AWS configuration, or unset it"
	case errors.Is(err, dynamo.ErrTableExists):
		return "look at it with: " + a.commandLine("table", "show")
	case errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return "let the credentials' policy allow the request: docs/operating.md has policies for holders and operators"
	case errors.Is(err, locker.ErrUnavailable) && a.endpoint != "":
		return "see whether a DynamoDB answers at " + a.endpoint
	case errors.Is(err, locker.ErrUnavailable):
		return "check the network, AWS_REGION and the credentials (aws sts get-caller-identity shows whose they are); a DynamoDB that is not AWS's needs --endpoint"
	}
	if invalid, ok := errors.AsType[*locker.InvalidError](err); ok && invalid.What == "region" {
		return "set AWS_REGION, or --endpoint for a DynamoDB Local"
	}
	return ""
}

// commandLine is what to type for another command on the same table.
func (a *app) commandLine(words ...string) string {
	line := "lockctl " + strings.Join(words, " ") + " --table " + quote(a.table)
	if a.endpoint != "" {
		line += " --endpoint " + quote(a.endpoint)
	}
	return line
}

// quote makes one word for a shell of s.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// tidy rounds a duration to what people read.
func tidy(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

// ends says when a lock becomes free unless its lease is renewed.
func ends(info locker.Info) string {
	switch {
	case info.State == locker.StateFree:
		return ""
	case info.Remaining > 0:
		return "in " + tidy(info.Remaining).String()
	case info.Doubt > 0:
		return "ended, may be taken in " + tidy(info.Doubt).String()
	case info.State == locker.StateDead:
		return "ended"
	}
	return "not known"
}

// holder describes who holds a lock.
func holder(info locker.Info) string {
	s := "somebody"
	if info.Owner != "" {
		s = fmt.Sprintf("%q", info.Owner)
	}
	if info.Token != 0 {
		s += fmt.Sprintf(" with token %v", info.Token)
	}
	switch {
	case info.Remaining > 0:
		s += fmt.Sprintf(", whose lease ends in %v unless it is renewed", tidy(info.Remaining))
	case info.Doubt > 0:
		s += fmt.Sprintf(", whose lease has ended and may be taken over in %v", tidy(info.Doubt))
	case info.State == locker.StateDead:
		s += ", whose lease has ended"
	}
	return s
}
