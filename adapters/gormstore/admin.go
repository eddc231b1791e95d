package gormstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

// What administrative commands have in common.

// change runs a command that writes a change.
func (s *Store) change(ctx context.Context, op string, fn func(context.Context, *session) (storage.Change, error)) (storage.Change, error) {
	return s.changeRows(ctx, op, 0, fn)
}

// changeRows is change for what touches many rows.
func (s *Store) changeRows(ctx context.Context, op string, rows int, fn func(context.Context, *session) (storage.Change, error)) (storage.Change, error) {
	var change storage.Change
	err := s.writeRows(ctx, op, rows, func(ctx context.Context, tx *session) (err error) {
		change, err = fn(ctx, tx)
		return err
	})
	if err != nil {
		return storage.Change{}, err
	}
	return change, nil
}

// listed runs a list.
func listed[T any](ctx context.Context, s *Store, op string, scan func(*sql.Rows) (T, error), build func(*gorm.DB) *gorm.DB) ([]T, error) {
	var list []T
	err := s.list(ctx, op, func(db *gorm.DB) error {
		rows, err := build(db).Rows()
		if err != nil {
			return err
		}
		return each(rows, func(r *sql.Rows) error {
			record, err := scan(r)
			list = append(list, record)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// exists reports whether a query has a row.
func (s *session) exists(ctx context.Context, query string, args ...any) (there bool, err error) {
	err = s.query(ctx, func(r *sql.Rows) error {
		there = true
		return nil
	}, query, args...)
	return there, err
}

func orNotFound(err error) error {
	if err == nil {
		return storage.ErrNotFound
	}
	return err
}

func orExists(err error) error {
	if err == nil {
		return storage.ErrExists
	}
	return err
}

// Touch implements [storage.Clients].
func (s *Store) Touch(ctx context.Context, uses []storage.LastUse) error {
	if len(uses) == 0 {
		return answer("touch", ctx.Err())
	}
	return s.submit(ctx, "touch", &touch{uses: slices.Clone(uses)})
}
