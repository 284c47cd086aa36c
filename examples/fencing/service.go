package fencing

import (
	"errors"
	"net/http"
	"sync"

	"example.com/holdfast/locker"
)

// Register is a service that keeps one value. A client sends its token along:
//
//	req.Header.Set("Fencing-Token", lease.Token().String())
type Register struct {
	mu    sync.Mutex // held over both: the check, and the write that it guards
	fence locker.Fence
	value string
}

// ServeHTTP sets the value to that of the query.
func (s *Register) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	s.value = r.URL.Query().Get("value")
}
