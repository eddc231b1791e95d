package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gatewright/gatewright/storage"
)

var (
	_ storage.Store      = (*Store)(nil)
	_ storage.Transactor = (*Store)(nil)
	_ storage.Store      = (*transaction)(nil)
	_ storage.Transactor = (*transaction)(nil)
)

// Store is a [storage.Store] in memory. Make it with [New]; the zero value is
// not usable. It is safe for concurrent use.
type Store struct {
	commands
	writer  chan struct{} // held by whoever may write; a transaction holds it throughout
	mu      sync.RWMutex  // guards state
	state   *state
	sealing sync.Mutex
}

// New returns an empty store.
func New() *Store {
	s := &Store{writer: make(chan struct{}, 1), state: newState()}
	s.commands = commands{s}
	return s
}

// runner gives commands their state: the store itself, or a transaction.
type runner interface {
	read(ctx context.Context, fn func(*state) error) error
	// write runs fn alone. What fn has written stays even if it fails, so fn
	// checks everything before it writes anything.
	write(ctx context.Context, fn func(*state) error) error
}

// commands are the methods of [storage.Store], over the store or a transaction.
type commands struct{ on runner }

// Ping implements [storage.Store]. It fails only if the context has ended.
func (c commands) Ping(ctx context.Context) error {
	return c.on.read(ctx, func(*state) error { return nil })
}

func (s *Store) read(ctx context.Context, fn func(*state) error) error {
	if ctx.Err() != nil {
		return unavailable(ctx)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return fn(s.state)
}

func (s *Store) write(ctx context.Context, fn func(*state) error) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(s.state)
}

func (s *Store) lock(ctx context.Context) error {
	if ctx.Err() != nil {
		return unavailable(ctx)
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return unavailable(ctx)
	}
}

func (s *Store) unlock() { <-s.writer }

// Transact implements [storage.Transactor]. Transactions run one after another,
// and commands outside wait for them; reads do not wait, and see nothing of a
// transaction before it is committed. fn must use only the store that it is
// given: the outer one waits for fn.
func (s *Store) Transact(ctx context.Context, fn func(context.Context, storage.Store) error) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	// Only the holder of writer changes the state, so the transaction may read
	// it without mu.
	return transact(ctx, s.state, fn, func(t *state) {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.merge()
	})
}

// transaction is a [storage.Store] whose writes are kept apart until it commits.
type transaction struct {
	commands
	mu    sync.Mutex
	state *state
	over  bool
}

func transact(ctx context.Context, on *state, fn func(context.Context, storage.Store) error, commit func(*state)) error {
	t := &transaction{state: on.over()}
	t.commands = commands{t}
	defer t.finish()
	if err := fn(ctx, t); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return unavailable(ctx)
	}
	t.finish()
	commit(t.state)
	return nil
}

func (t *transaction) finish() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
}

func (t *transaction) read(ctx context.Context, fn func(*state) error) error {
	return t.write(ctx, fn)
}

func (t *transaction) write(ctx context.Context, fn func(*state) error) error {
	if ctx.Err() != nil {
		return unavailable(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return errOver
	}
	return fn(t.state)
}

// Transact runs fn in a transaction within the transaction.
func (t *transaction) Transact(ctx context.Context, fn func(context.Context, storage.Store) error) error {
	return t.write(ctx, func(s *state) error {
		return transact(ctx, s, fn, (*state).merge)
	})
}

var errOver = errors.New("memory: the transaction is over")

func unavailable(ctx context.Context) error {
	return fmt.Errorf("%w: %w", storage.ErrUnavailable, ctx.Err())
}
