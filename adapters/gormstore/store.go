package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

var (
	_ storage.Store      = (*Store)(nil)
	_ storage.Transactor = (*Store)(nil)
)

// Options are the settings of a [Store]. The zero value works.
type Options struct {
	// Migrate brings an older schema up before the store opens. Without it, a
	// schema of another version is a [*SchemaError].
	Migrate bool
	// Writers is how many goroutines carry out queued commands, each with a
	// connection of its own; 0 is 4, and SQLite always has 1. More of them wait
	// less for each other's commits, fewer share more of them.
	Writers int
	// Queue is how many commands may wait before others are refused with
	// [storage.ErrBusy]; 0 is 1024.
	Queue int
	// Batch is how many commands share a commit at most; 0 is 128.
	Batch int
	// Timeout bounds one attempt at a batch, apart from the contexts of those
	// who wait for it, and every other command and read, so that a database that
	// has gone silent is [storage.ErrUnavailable] and not a wait for ever; 0 is 5
	// seconds. A change of rules has as much again for every thousand of them. A
	// transaction of the host's making (Transact) has the host's context only.
	// SQLite has its busy timeout instead.
	Timeout time.Duration
	// Reader, where given, is another pool of the same database for reading. It
	// must see every commit at once (never a replica): SQLite's readers.
	Reader *gorm.DB
	// OnClose is called at the end of [Store.Close], for whoever opened the
	// database for this store alone.
	OnClose func() error
}

func (o Options) withDefaults(d dialect) (Options, error) {
	if o.Writers < 0 || o.Queue < 0 || o.Batch < 0 || o.Timeout < 0 {
		return o, errors.New("gormstore: Options.Writers, Queue, Batch and Timeout must not be negative")
	}
	if o.Writers == 0 {
		o.Writers = 4
	}
	if d == sqlite {
		o.Writers = 1
	}
	if o.Queue == 0 {
		o.Queue = 1024
	}
	if o.Batch == 0 {
		o.Batch = 128
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	return o, nil
}

// Store is a [storage.Store] over a SQL database. Make it with [New]; the zero
// value is not usable. It is safe for concurrent use by any number of goroutines
// and processes.
type Store struct {
	core *core
	// tx is set in a store that is one transaction.
	tx *transaction
}

// core is what a store and its transactions share.
type core struct {
	dialect dialect
	db      *gorm.DB
	reader  *reader
	queue   *queue
	feed    feed
	sealing sync.Mutex
	onClose func() error
	closing sync.Once
}

// New returns a store over db, which must be of the dialect sqlite, postgres or
// mysql and stay open until [Store.Close]. It checks the schema, and starts the
// goroutines that write.
//
// The pool must allow two connections more than o.Writers, which are kept (one
// more is kept by the change feed), but SQLite's may have one only.
func New(ctx context.Context, db *gorm.DB, o Options) (*Store, error) {
	d, err := dialectOf(db)
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(d); err != nil {
		return nil, err
	}
	// The host's session may carry conditions, or a pool that prepares by itself.
	pool, err := db.DB()
	if err != nil {
		return nil, fmt.Errorf("gormstore: the database is no pool of connections: %w", err)
	}
	own := db.Session(&gorm.Session{NewDB: true})
	own.Statement.ConnPool = pool
	read := pool
	if o.Reader != nil {
		if read, err = o.Reader.DB(); err != nil {
			return nil, fmt.Errorf("gormstore: Options.Reader is no pool of connections: %w", err)
		}
	}
	if most := pool.Stats().MaxOpenConnections; d != sqlite && most > 0 && most < o.Writers+2 {
		return nil, fmt.Errorf("gormstore: the pool allows %d connections, and Options.Writers = %d needs %d", most, o.Writers, o.Writers+2)
	}
	if o.Migrate {
		if err := Migrate(ctx, db); err != nil {
			return nil, err
		}
	}
	status, err := MigrationStatus(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := status.Err(); err != nil {
		return nil, err
	}
	c := &core{dialect: d, db: own, onClose: o.OnClose}
	c.reader = &reader{core: c, db: read}
	c.feed.reader = c.reader
	c.queue = newQueue(c, o)
	return &Store{core: c}, nil
}

// Close refuses new commands, waits until those that were taken are committed,
// and gives the connections back. It does not close the host's database. On a
// store that is a transaction it does nothing.
func (s *Store) Close(ctx context.Context) (err error) {
	if s.tx != nil {
		return nil
	}
	if err := s.core.queue.close(ctx); err != nil {
		return answer("close", err)
	}
	s.core.closing.Do(func() {
		s.core.feed.close()
		s.core.reader.close()
		if s.core.onClose != nil {
			err = s.core.onClose()
		}
	})
	return err
}

// Ping implements [storage.Store]: it has the queue commit an empty transaction.
func (s *Store) Ping(ctx context.Context) error {
	return s.write(ctx, "ping", func(ctx context.Context, tx *session) error {
		return tx.simple(ctx, "UPDATE gw_counter SET value = value WHERE name = 'ping'")
	})
}

// submit has the queue carry out a command, or the transaction this store is.
func (s *Store) submit(ctx context.Context, op string, c command) error {
	if s.tx != nil {
		return answer(op, s.tx.run(ctx, func(tx *session) error { return runAlone(ctx, tx, c) }))
	}
	return answer(op, s.core.queue.do(ctx, c))
}

// write runs fn in a transaction of its own, or within the one this store is.
// What fn did is undone if it fails.
func (s *Store) write(ctx context.Context, op string, fn func(context.Context, *session) error) error {
	return s.writeRows(ctx, op, 0, fn)
}

// writeRows is write for what touches many rows, and is given time for them.
func (s *Store) writeRows(ctx context.Context, op string, rows int, fn func(context.Context, *session) error) error {
	if s.tx != nil {
		return answer(op, s.tx.run(ctx, func(tx *session) error {
			return tx.savepoint(ctx, func() error { return fn(ctx, tx) })
		}))
	}
	ctx, cancel := s.core.bounded(ctx, rows)
	defer cancel()
	return answer(op, s.core.transact(ctx, fn))
}

// bounded gives up on a database that does not answer, whatever the caller's
// patience: after the timeout, and once more of it for every thousand rows.
func (c *core) bounded(ctx context.Context, rows int) (context.Context, context.CancelFunc) {
	if c.dialect == sqlite {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.queue.timeout*time.Duration(1+rows/1000))
}

func (c *core) transact(ctx context.Context, fn func(context.Context, *session) error) (err error) {
	if c.dialect == sqlite {
		return c.queue.do(ctx, &closure{run: fn})
	}
	for range attempts {
		if err = c.transactOnce(ctx, fn); err == nil || !again(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (c *core) transactOnce(ctx context.Context, fn func(context.Context, *session) error) error {
	if c.queue.isClosed() {
		return errClosed
	}
	tx, err := c.db.Statement.ConnPool.(*sql.DB).BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := fn(ctx, newSession(c, tx)); err != nil {
		return err
	}
	return tx.Commit()
}

// query reads outside of any transaction, or within the one this store is.
func (s *Store) query(ctx context.Context, op string, row func(*sql.Rows) error, query string, args ...any) error {
	if s.tx != nil {
		return answer(op, s.tx.run(ctx, func(tx *session) error { return tx.query(ctx, row, query, args...) }))
	}
	ctx, cancel := s.core.bounded(ctx, 0)
	defer cancel()
	return answer(op, s.core.reader.query(ctx, row, query, args...))
}

// list reads with GORM.
func (s *Store) list(ctx context.Context, op string, fn func(*gorm.DB) error) error {
	if s.tx != nil {
		return answer(op, s.tx.run(ctx, func(tx *session) error { return fn(tx.gorm(ctx)) }))
	}
	if s.core.queue.isClosed() {
		return answer(op, errClosed)
	}
	ctx, cancel := s.core.bounded(ctx, 0)
	defer cancel()
	return answer(op, fn(newSession(s.core, s.core.reader.db).gorm(ctx)))
}
