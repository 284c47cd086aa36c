package dynamodblocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// mavenTimeout bounds the download of DynamoDB Local, about 50 MB.
const mavenTimeout = 4 * time.Minute

// pom asks Maven for DynamoDB Local and what it depends on.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>software.amazon.dynamodb</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>` + version + `</version>
    </dependency>
  </dependencies>
</project>
`

// library returns the directory of DynamoDB Local's jars, filled by Maven if it
// isn't there yet.
func library(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return cached(ctx, filepath.Join(cache, "holdfast"), "dynamodb-local-"+version, copyJars)
}

// cached returns the directory name in dir, which fill fills if it isn't there.
// It appears by a rename, all at once, so what is there is complete; the lock
// only spares a second process the same download at the same time.
func cached(ctx context.Context, dir, name string, fill func(ctx context.Context, dir string) error) (string, error) {
	final := filepath.Join(dir, name)
	if isDir(final) {
		return final, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, final+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if isDir(final) {
		return final, nil
	}
	temp, err := os.MkdirTemp(dir, name+".tmp-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	lib := filepath.Join(temp, "lib")
	if err := fill(ctx, lib); err != nil {
		return "", err
	}
	// Where lockFile can't lock, another process may have been faster.
	if err := os.Rename(lib, final); err != nil && !isDir(final) {
		return "", err
	}
	return final, nil
}

func copyJars(ctx context.Context, dir string) error {
	if _, err := exec.LookPath("mvn"); err != nil {
		return fmt.Errorf("no Maven: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, mavenTimeout)
	defer cancel()
	project := filepath.Join(filepath.Dir(dir), "pom.xml")
	if err := os.WriteFile(project, []byte(pom), 0o666); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "mvn", "-B", "-q", "-f", project,
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+dir)
	runtime.LockOSThread() // as in startProcess
	defer runtime.UnlockOSThread()
	ownGroup(cmd)
	cmd.Cancel = func() error { killGroup(cmd); return nil }
	cmd.WaitDelay = stopTimeout
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("mvn: %w; it printed:\n%s", err, bytes.TrimSpace(out))
	}
	if jars, _ := filepath.Glob(filepath.Join(dir, "DynamoDBLocal-*.jar")); len(jars) == 0 {
		return errors.New("mvn: copied no DynamoDBLocal jar")
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
