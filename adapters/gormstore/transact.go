package gormstore

import (
	"context"
	"errors"
	"sync"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

// transaction is the state of a store that is one transaction.
type transaction struct {
	mu      sync.Mutex
	session *session
	over    bool
}

func (t *transaction) run(ctx context.Context, fn func(*session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return errOver
	}
	return fn(t.session)
}

func (t *transaction) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// hostError keeps the host's own error apart from the database's.
type hostError struct{ error }

func (e hostError) Unwrap() error { return e.error }

// Transact implements [storage.Transactor]: all commands of the store that fn is
// given are committed together when fn returns nil. They run one after another.
// On SQLite nobody else writes meanwhile, and fn must not use the outer store,
// which waits for it. fn may be called again if the database gives the
// transaction up for the sake of another (a deadlock), except on a store that is
// a transaction already.
func (s *Store) Transact(ctx context.Context, fn func(ctx context.Context, tx storage.Store) error) error {
	run := func(ctx context.Context, session *session) error {
		t := &transaction{session: session}
		defer t.finish()
		if err := fn(ctx, &Store{core: s.core, tx: t}); err != nil {
			return hostError{err}
		}
		return nil
	}
	var err error
	switch {
	case s.tx != nil:
		err = s.write(ctx, "transact", run)
	case s.core.dialect == sqlite:
		err = answer("transact", s.core.lend(ctx, run))
	default: // as long as the host wants
		err = answer("transact", s.core.transact(ctx, run))
	}
	if host, ok := errors.AsType[hostError](err); ok {
		return host.error
	}
	return err
}

// lend runs fn with the writer's session, on the goroutine of the caller: code of
// the host may panic or end its goroutine, and the writer must not.
func (c *core) lend(ctx context.Context, fn func(context.Context, *session) error) error {
	lent := make(chan *session)
	back := make(chan error, 1)
	ended := make(chan error, 1)
	var once sync.Once // whatever the host's error may look like
	var err error
	take := &closure{run: func(ctx context.Context, s *session) error {
		once.Do(func() {
			select {
			case lent <- s:
				err = <-back
			case <-ctx.Done():
				err = ctx.Err()
			}
		})
		return err
	}}
	go func() { ended <- c.queue.do(ctx, take) }()
	select {
	case s := <-lent:
		returned := false
		defer func() {
			if !returned {
				back <- errPanic
				<-ended
			}
		}()
		err := fn(ctx, s)
		returned = true
		back <- err
		return <-ended
	case err := <-ended:
		return err
	}
}

// WithTx returns a view of the store that runs within the host's own GORM
// transaction, for commands that are to be committed with the host's data:
// those of [storage.Clients], [storage.Directory], [storage.Keys] and
// [storage.Rules], [storage.Grants] and [storage.Audit]. It locks what it
// touches until the host ends the transaction, so keep it short; claims,
// redemptions and rotations work too, but others wait for them.
//
// tx must be a transaction on the store's own database, best of isolation READ
// COMMITTED: stricter ones stay correct, but let the database refuse more often
// (deadlocks, failed serialization), which only the host can repeat. The view
// must not be used after the transaction has ended. Each command is a savepoint
// of its own: one that fails leaves nothing behind.
func (s *Store) WithTx(tx *gorm.DB) *Store {
	session := newSession(s.core, tx.Statement.ConnPool)
	session.foreign = true
	return &Store{core: s.core, tx: &transaction{session: session}}
}

// DB returns GORM within the transaction that this store is, for the host's own
// tables, and nil for a store that is none. In [Store.Transact] it is the way to
// commit the host's data together with commands on every database, SQLite
// included:
//
//	store.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
//		db := tx.(*gormstore.Store).DB(ctx)
//		...
//	})
//
// It must not be used after the transaction, nor at the same time as commands.
func (s *Store) DB(ctx context.Context) *gorm.DB {
	if s.tx == nil {
		return nil
	}
	return s.tx.session.gorm(ctx)
}
