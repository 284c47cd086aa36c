//go:build linux

package peers

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/holdfast/internal/dynamodblocal"
)

// child is a program in testdata that plays the other side. It is given the names in
// its environment, holds them round by round, and writes a line for each hold:
//
//	held NAME BEGIN END ROUND
//
// On the line "stop NAME" it ends the name's rounds and answers "stopped NAME". Any
// other line, and whatever it says on standard error, is a complaint.
type child struct {
	t   *testing.T
	who string
	r   *referee

	writing sync.Mutex
	input   *os.File

	stopped map[string]chan struct{} // by name
	exited  chan struct{}
}

// startChild starts one for the test's names. It is killed at the end of the test.
func startChild(t *testing.T, who, table string, r *referee, dir string, command ...string) side {
	t.Helper()
	c := &child{t: t, who: who, r: r, stopped: make(map[string]chan struct{}), exited: make(chan struct{})}
	for _, name := range lockNames(t) {
		c.stopped[name] = make(chan struct{})
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"AWS_ENDPOINT_URL_DYNAMODB="+dynamodblocal.Endpoint(t), "AWS_REGION="+dynamodblocal.Region,
		"AWS_ACCESS_KEY_ID="+dynamodblocal.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+dynamodblocal.SecretAccessKey,
		"PEER_TABLE="+table, "PEER_NAMES="+strings.Join(lockNames(t), " "),
		fmt.Sprint("PEER_LEASE_MILLIS=", lease.Milliseconds()), fmt.Sprint("PEER_CRASH_MILLIS=", crash.Milliseconds()),
	)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	in, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, c.input = in, input
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the kernel kills the child with the thread that started it
		defer close(c.exited)
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		for lines := bufio.NewScanner(output); lines.Scan(); {
			c.heard(lines.Text())
		}
		_ = cmd.Wait() // killed, or ended by the end of its input
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting the %s: %v", who, err)
	}
	_ = in.Close()
	t.Cleanup(func() {
		_ = input.Close()
		select {
		case <-c.exited:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-c.exited
		}
		if t.Failed() && complaints.Len() > 0 {
			t.Logf("the %s said:\n%s", who, complaints.Bytes())
		}
	})
	return side{who: who, stop: c.stop}
}

// heard takes a line of the child.
func (c *child) heard(line string) {
	words := strings.Fields(line)
	if len(words) == 5 && words[0] == "held" {
		begin, err1 := strconv.ParseInt(words[2], 10, 64)
		end, err2 := strconv.ParseInt(words[3], 10, 64)
		if err1 == nil && err2 == nil {
			c.r.add(words[1], belief{who: c.who, begin: begin, end: end, round: words[4]})
			return
		}
	}
	if len(words) == 2 && words[0] == "stopped" && c.stopped[words[1]] != nil {
		close(c.stopped[words[1]])
		return
	}
	c.t.Errorf("the %s: %s", c.who, line)
}

// stop ends the child's rounds on a name.
func (c *child) stop(name string) {
	c.writing.Lock()
	_, err := fmt.Fprintln(c.input, "stop", name)
	c.writing.Unlock()
	if err != nil {
		c.t.Errorf("the %s: %v", c.who, err)
	}
	select {
	case <-c.stopped[name]:
	case <-c.exited:
		c.t.Errorf("the %s has ended before it was told to", c.who)
	case <-time.After(time.Minute):
		c.t.Errorf("the %s does not stop holding %q", c.who, name)
	}
}
