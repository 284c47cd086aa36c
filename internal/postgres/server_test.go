package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// server is a PostgreSQL of this process.
type server struct {
	dir     string // has the data and the socket
	cmd     *exec.Cmd
	exited  chan struct{}
	problem error // why there is none
}

// theServer is started by the first test that needs it.
var (
	theServer   server
	startServer = sync.OnceFunc(func() { theServer.problem = theServer.start() })
)

// errNone says that the machine has no PostgreSQL.
var errNone = errors.New("no PostgreSQL on this machine: on Debian, apt-get install postgresql gives one")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := theServer.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// open returns a database that is empty, and no other test's.
func open(t *testing.T) *sql.DB {
	t.Helper()
	startServer()
	switch err := theServer.problem; {
	case errors.Is(err, errNone) && os.Getenv("LOCKER_REQUIRE_POSTGRES") != "1":
		t.Skip(err)
	case errors.Is(err, errNone):
		t.Fatalf("%v\n(LOCKER_REQUIRE_POSTGRES=1 makes this a failure)", err)
	case err != nil:
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", theServer.source("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	name := fmt.Sprintf("test%d", time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", theServer.source(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// execute carries out a statement, which has to work.
func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (s *server) source(database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s", s.dir, database)
}

// start makes the data and runs the server until it answers.
func (s *server) start() error {
	bin, err := programs()
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "holdfast-pg-"); err != nil {
		return err
	}
	run, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	run(initdb)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w:\n%s", err, out)
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	run(s.cmd)
	endWithThread(s.cmd)
	s.exited = make(chan struct{})
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for endWithThread
		defer runtime.UnlockOSThread()
		defer close(s.exited)
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.cmd.Wait() // stop ends it, or the log tells
		}
	}()
	if err := <-started; err != nil {
		s.cmd = nil
		return err
	}
	return s.awaitReady()
}

// programs returns the directory of initdb and postgres, the newest that Debian has if
// they are not in PATH.
func programs() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", errNone
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

func (s *server) awaitReady() error {
	db, err := sql.Open("pgx", s.source("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
			continue
		case <-s.exited:
		case <-ctx.Done():
		}
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("postgres is not ready: %w; it printed:\n%s", err, log)
	}
}

// stop ends the server, if it was started, and removes what it left.
func (s *server) stop() error {
	if s.dir == "" {
		return nil
	}
	defer os.RemoveAll(s.dir)
	if s.cmd == nil {
		return nil
	}
	s.cmd.Process.Signal(os.Interrupt) // a fast shutdown
	select {
	case <-s.exited:
		return nil
	case <-time.After(20 * time.Second):
	}
	s.cmd.Process.Kill()
	<-s.exited
	return fmt.Errorf("postgres, process %d, did not end by itself", s.cmd.Process.Pid)
}

// unprivileged gives the directory to the user that PostgreSQL is to run as, which
// must not be root, and returns what makes a command run as that.
func unprivileged(dir string) (run func(*exec.Cmd), err error) {
	if os.Getuid() != 0 {
		return func(*exec.Cmd) {}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return func(cmd *exec.Cmd) { runAs(cmd, uint32(uid), uint32(gid)); cmd.Dir = dir }, os.Chown(dir, int(uid), int(gid))
}
