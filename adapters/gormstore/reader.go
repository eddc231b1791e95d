package gormstore

import (
	"context"
	"database/sql"
	"sync"
)

// reader runs constant queries on a pool, prepared once.
type reader struct {
	core       *core
	db         *sql.DB
	statements sync.Map // of string to *sql.Stmt
	mu         sync.Mutex
}

func (r *reader) query(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	if r.core.queue.isClosed() {
		return errClosed
	}
	stmt, err := r.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return each(rows, row)
}

func (r *reader) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if found, ok := r.statements.Load(query); ok {
		return found.(*sql.Stmt), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok := r.statements.Load(query); ok {
		return found.(*sql.Stmt), nil
	}
	stmt, err := r.db.PrepareContext(ctx, r.core.dialect.bind(query))
	if err != nil {
		return nil, err
	}
	r.statements.Store(query, stmt)
	return stmt, nil
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements.Range(func(query, stmt any) bool {
		_ = stmt.(*sql.Stmt).Close()
		r.statements.Delete(query)
		return true
	})
}
