package gormstore

import (
	"context"
	"database/sql"
	"sync"
)

// feed keeps a connection for reading changes, so that instances go on hearing
// of them when everyone else has taken all connections of the pool.
type feed struct {
	reader *reader
	mu     sync.Mutex
	conn   *sql.Conn
	stmt   *sql.Stmt
	closed bool
}

// query calls start before the first row, which may be twice: a kept connection
// may have died since the last time.
func (f *feed) query(ctx context.Context, start func(), row func(*sql.Rows) error, query string, args ...any) error {
	if !f.mu.TryLock() {
		// Somebody else reads the feed at this moment: take the pool.
		start()
		return f.reader.query(ctx, row, query, args...)
	}
	defer f.mu.Unlock()
	if f.closed {
		return errClosed
	}
	for {
		fresh := f.conn == nil
		start()
		err := f.attempt(ctx, row, query, args...)
		if err == nil {
			return nil
		}
		f.drop()
		if fresh || ctx.Err() != nil {
			return err
		}
	}
}

func (f *feed) attempt(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	if err := f.open(ctx, query); err != nil {
		return err
	}
	rows, err := f.stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return each(rows, row)
}

func (f *feed) open(ctx context.Context, query string) error {
	if f.conn != nil {
		return nil
	}
	conn, err := f.reader.db.Conn(ctx)
	if err != nil {
		return err
	}
	stmt, err := conn.PrepareContext(ctx, f.reader.core.dialect.bind(query))
	if err != nil {
		discard(conn)
		return err
	}
	f.conn, f.stmt = conn, stmt
	return nil
}

func (f *feed) drop() {
	if f.conn != nil {
		_ = f.stmt.Close()
		discard(f.conn)
		f.conn, f.stmt = nil, nil
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.drop()
}
