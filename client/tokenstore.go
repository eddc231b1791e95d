package client

import (
	"bytes"
	"context"
	"sync"
)

// TokenStore keeps the tokens of customers, one record for each customer and
// account. It is given neither: names are keyed hashes of 43 characters
// [0-9A-Za-z_-], and records are encrypted, a few kilobytes at most. A
// store is shared by every process of the application. Implementations are safe
// for concurrent use; tokenstoretest checks them.
type TokenStore interface {
	// Load returns the record under name. There is none: ErrNoToken.
	Load(ctx context.Context, name string) ([]byte, error)
	// Update calls change with the record under name, nil if there is none, and
	// stores what it returns; nil deletes. If change returns an error, the record
	// stays and Update returns the error.
	//
	// From before change is called until its result is stored, no other Update of
	// the name may call its own change, in any process: change asks the bank for a
	// new refresh token in return for the old one, which works once. It takes as
	// long as a request. A SQL store does it with SELECT ... FOR UPDATE in a
	// transaction. change may not be called twice.
	Update(ctx context.Context, name string, change func(current []byte) ([]byte, error)) error
}

// MemoryStore is a [TokenStore] for one process and as long as it runs. The zero
// value is ready to use.
type MemoryStore struct {
	mu      sync.Mutex
	records map[string][]byte
	locks   map[string]*memoryLock
}

type memoryLock struct {
	held    chan struct{} // of capacity 1
	waiting int
}

var _ TokenStore = (*MemoryStore)(nil)

// Load implements [TokenStore].
func (s *MemoryStore) Load(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[name]
	if !ok {
		return nil, ErrNoToken
	}
	return bytes.Clone(r), nil
}

// Update implements [TokenStore].
func (s *MemoryStore) Update(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	unlock, err := s.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	s.mu.Lock()
	current := bytes.Clone(s.records[name])
	s.mu.Unlock()
	next, err := change(current)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(next) == 0 {
		delete(s.records, name)
		return nil
	}
	if s.records == nil {
		s.records = map[string][]byte{}
	}
	s.records[name] = bytes.Clone(next)
	return nil
}

// lock holds one name, while others go on.
func (s *MemoryStore) lock(ctx context.Context, name string) (unlock func(), err error) {
	s.mu.Lock()
	l := s.locks[name]
	if l == nil {
		if s.locks == nil {
			s.locks = map[string]*memoryLock{}
		}
		l = &memoryLock{held: make(chan struct{}, 1)}
		s.locks[name] = l
	}
	l.waiting++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.waiting--; l.waiting == 0 {
			delete(s.locks, name)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() { <-l.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
