package fencing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"

	"example.com/holdfast/locker"
)

// Register is a service that keeps one value, in a file with the token of the
// holder who wrote it: so it refuses a late holder after a restart too.
type Register struct {
	path string

	mu    sync.Mutex // held over both: the check, and the write that it guards
	fence locker.Fence
	saved record
}

// record is what the file holds: the value, and the highest token.
type record struct {
	Value string
	Token locker.Token
}

// OpenRegister returns the register that is kept in the file, an empty one if there
// is none. Only one process may have it open.
func OpenRegister(path string) (*Register, error) {
	s := &Register{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s.saved)
	}
	if err == nil {
		err = s.fence.Check("register", s.saved.Token) // the mark is where it was
	}
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", path, err)
	}
	return s, nil
}

// ServeHTTP answers GET with the value, and replaces it by the body of a PUT that
// does not come too late.
func (s *Register) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		s.mu.Lock()
		defer s.mu.Unlock()
		io.WriteString(w, s.saved.Value)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	token, err := locker.ParseToken(r.Header.Get("Fencing-Token"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fence.Check("register", token); errors.Is(err, locker.ErrStale) {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	if err := s.save(record{string(body), token}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// save replaces value and token, both or neither, for good.
func (s *Register) save(r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.Create(s.path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.path); err != nil {
		return err
	}
	s.saved = r
	return nil
}

// PutValue is the client of a Register: it replaces the value unless a later holder
// has.
func PutValue(ctx context.Context, client *http.Client, url, value string, token locker.Token) error {
	resp, err := send(ctx, client, http.MethodPut, url, []byte(value), http.Header{"Fencing-Token": {token.String()}})
	if err == nil && resp.StatusCode == http.StatusConflict {
		return fmt.Errorf("%s: %w", url, locker.ErrStale)
	}
	return err
}
