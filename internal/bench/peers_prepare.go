package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peerFiles are the workers for other libraries. The libraries themselves are
// fetched when they are to be measured, into the user's cache directory.
//
//go:embed peers
var peerFiles embed.FS

// peer is another library.
type peer struct {
	name string // of its directory in peers, and of the flag
	library
	fetch   [][]string // commands that fetch and build it, in its directory
	command []string
}

var peers = []peer{
	{
		name:    "java",
		library: library{of: "dynamodb-lock-client 1.4 (Java)", hash: "key"},
		fetch:   [][]string{{"mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"}, {"javac", "-cp", "lib/*", "Peer.java"}},
		command: []string{"java", "-cp", "lib/*:.", "Peer"},
	},
	{
		name:    "node",
		library: library{of: "dynamo-lock 0.1.3 (Node; has no release)", hash: "name", cannotWait: true},
		fetch:   [][]string{{"npm", "install", "--no-audit", "--no-fund", "--silent"}},
		command: []string{"node", "peer.js"},
	},
	{
		name:    "python",
		library: library{of: "python_dynamodb_lock 0.9", hash: "lock_key", sort: "sort_key"},
		fetch:   [][]string{{"python3", "-m", "venv", "venv"}, {"venv/bin/pip", "install", "-q", "-r", "requirements.txt"}},
		command: []string{"venv/bin/python", "peer.py"},
	},
	{
		name:    "cirello",
		library: library{of: "cirello.io/dynamolock v5 (Go)", hash: "key"},
		fetch:   [][]string{{"go", "mod", "tidy"}, {"go", "build", "-o", "peer", "."}},
		command: []string{"./peer"},
	},
}

// prepare fetches and builds a peer unless that was done before, and returns how
// to run it. The error says why it can't be had.
func (b *bench) prepare(ctx context.Context, p peer) (library, error) {
	root, err := findRoot()
	if err != nil {
		return library{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return library{}, err
	}
	dir := filepath.Join(cache, "holdfast", "bench", p.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return library{}, err
	}
	state, err := copyFiles(p.name, dir)
	if err != nil {
		return library{}, err
	}
	if p.name == "cirello" {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), cirelloModule(root, b.cirelloFrom), 0o644); err != nil {
			return library{}, err
		}
		state += b.cirelloFrom + root
	}
	mark := filepath.Join(dir, ".ready")
	if old, err := os.ReadFile(mark); err != nil || string(old) != state || p.name == "cirello" {
		for _, command := range p.fetch {
			if err := fetch(ctx, dir, command); err != nil {
				return library{}, err
			}
		}
		if err := os.WriteFile(mark, []byte(state), 0o644); err != nil {
			return library{}, err
		}
	}
	l := p.library
	l.command = func(ctx context.Context) *exec.Cmd {
		name := p.command[0]
		if strings.Contains(name, "/") {
			name = filepath.Join(dir, name)
		}
		cmd := exec.CommandContext(ctx, name, p.command[1:]...)
		cmd.Dir = dir
		return cmd
	}
	return l, nil
}

// copyFiles writes a peer's own files to dir and returns a sum of them.
func copyFiles(name, dir string) (string, error) {
	sum := sha256.New()
	files, err := fs.Sub(peerFiles, "peers/"+name)
	if err != nil {
		return "", err
	}
	err = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return os.WriteFile(filepath.Join(dir, strings.Replace(path, ".go.txt", ".go", 1)), text, 0o644)
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// cirelloModule is the go.mod of the Go peer. Its path lets it import the worker.
func cirelloModule(root, from string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "module example.com/holdfast/internal/bench/peers/cirello\n\ngo 1.26\n\n")
	fmt.Fprintf(&b, "require (\n\tcirello.io/dynamolock/v5 v5.0.0\n\texample.com/holdfast v0.0.0\n\texample.com/holdfast/internal/bench v0.0.0\n)\n\n")
	fmt.Fprintf(&b, "replace example.com/holdfast => %s\n\nreplace example.com/holdfast/internal/bench => %s\n", root, filepath.Join(root, "internal", "bench"))
	if from != "" {
		fmt.Fprintf(&b, "\nreplace cirello.io/dynamolock/v5 => %s\n", from)
	}
	return b.Bytes()
}

// fetch runs a command, for at most some minutes.
func fetch(ctx context.Context, dir string, command []string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	name := command[0]
	if strings.Contains(name, "/") {
		name = filepath.Join(dir, name)
	}
	cmd := exec.CommandContext(ctx, name, command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.CombinedOutput()
	if err != nil {
		what := strings.Join(command[:min(3, len(command))], " ")
		fmt.Fprintf(os.Stderr, "\nbench: %s: %v\n%s\n", what, err, out)
		return fmt.Errorf("it could not be fetched or built here: %s failed", what) // without this machine's paths
	}
	return nil
}
