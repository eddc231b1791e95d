package gormstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// session runs statements on one connection, inside a transaction. It belongs to
// one goroutine at a time.
type session struct {
	core *core
	pool gorm.ConnPool
	// prepared is nil on connections that are not the store's own.
	prepared map[string]*sql.Stmt
	texts    map[textKey]string
	depth    int // of savepoints
	// foreign says that the transaction is the host's, of an isolation that it
	// has chosen: what must not be stale is read with share.
	foreign bool
}

type textKey struct {
	of   any // *table or *update
	n    int
	verb byte
}

func newSession(c *core, pool gorm.ConnPool) *session {
	return &session{core: c, pool: pool, texts: make(map[textKey]string)}
}

// preparing makes the session keep prepared statements; only for connections
// that are the store's own.
func (s *session) preparing() *session {
	s.prepared = make(map[string]*sql.Stmt)
	return s
}

func (s *session) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := s.pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.prepared[query] = stmt
	return stmt, nil
}

func (s *session) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var result sql.Result
	query = s.core.dialect.bind(query)
	if s.prepared == nil {
		var err error
		if result, err = s.pool.ExecContext(ctx, query, args...); err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
	stmt, err := s.statement(ctx, query)
	if err != nil {
		return 0, err
	}
	if result, err = stmt.ExecContext(ctx, args...); err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query calls row for every row; row must scan it.
func (s *session) query(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	query = s.core.dialect.bind(query)
	var rows *sql.Rows
	if s.prepared == nil {
		var err error
		if rows, err = s.pool.QueryContext(ctx, query, args...); err != nil {
			return err
		}
	} else {
		stmt, err := s.statement(ctx, query)
		if err != nil {
			return err
		}
		if rows, err = stmt.QueryContext(ctx, args...); err != nil {
			return err
		}
	}
	return each(rows, row)
}

// each closes rows after the last one.
func each(rows *sql.Rows, row func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// simple runs a statement that takes no parameters and is not worth preparing.
func (s *session) simple(ctx context.Context, query string) error {
	_, err := s.pool.ExecContext(ctx, query)
	return err
}

// savepoint runs fn so that nothing of it stays if it fails.
func (s *session) savepoint(ctx context.Context, fn func() error) error {
	s.depth++ // MySQL knows one savepoint of a name
	defer func() { s.depth-- }()
	name := "gw_" + strconv.Itoa(s.depth)
	if err := s.simple(ctx, "SAVEPOINT "+name); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		return s.simple(ctx, "RELEASE SAVEPOINT "+name)
	}
	if s.simple(ctx, "ROLLBACK TO SAVEPOINT "+name) != nil || s.simple(ctx, "RELEASE SAVEPOINT "+name) != nil {
		return &brokenError{err}
	}
	return err
}

// create adds a record with GORM and reports whether it is new. MySQL's IGNORE
// counts what was inserted whatever the host's settings (clientFoundRows) are.
func (s *session) create(ctx context.Context, row any) (bool, error) {
	var unlessThere clause.Expression = clause.OnConflict{DoNothing: true}
	if s.core.dialect == mysql {
		unlessThere = clause.Insert{Modifier: "IGNORE"}
	}
	created := s.gorm(ctx).Clauses(unlessThere).Create(row)
	return created.RowsAffected > 0, created.Error
}

// gorm gives GORM on the same connection. It logs nothing: its logs would show
// the values.
func (s *session) gorm(ctx context.Context) *gorm.DB {
	db := s.core.db.Session(&gorm.Session{
		NewDB: true, Context: ctx, SkipDefaultTransaction: true, Logger: logger.Discard,
	})
	db.Statement.ConnPool = s.pool
	return db
}

// sizes of batches that are a statement each, the largest first.
var sizes = [...]int{128, 64, 32, 16, 8, 4, 2, 1}

// share is [dialect.share] where it is needed.
func (s *session) share(alias string) string {
	if !s.foreign {
		return ""
	}
	return s.core.dialect.share(alias)
}

// many is how many rows a statement takes that goes by keys: SQLite, which has no
// round trips to save, finds them quickest one by one.
func (s *session) many() int {
	if s.core.dialect == sqlite {
		return 1
	}
	return sizes[0]
}

// chunks calls fn with parts of n rows, of at most so many and each of a size of
// its own few, so that few statements need to be prepared. On PostgreSQL one
// statement takes them all.
func (s *session) chunks(n, most int, fn func(from, to int) error) error {
	if s.core.dialect == postgres {
		return fn(0, n)
	}
	from := 0
	for _, size := range sizes {
		for ; size <= most && n-from >= size; from += size {
			if err := fn(from, from+size); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) text(of any, verb byte, n int, build func() string) string {
	if s.core.dialect == postgres {
		n = 0
	}
	key := textKey{of, n, verb}
	text, ok := s.texts[key]
	if !ok {
		text = build()
		s.texts[key] = text
	}
	return text
}

func (s *session) args(columns []column, rows [][]any) []any {
	if s.core.dialect == postgres {
		return arrays(columns, rows)
	}
	if len(rows) == 1 {
		return rows[0]
	}
	args := make([]any, 0, len(rows)*len(columns))
	for _, row := range rows {
		args = append(args, row...)
	}
	return args
}

// insert adds rows whose keys differ and reports which of them are new. If that
// cannot be told of rows in one statement it returns errAlone.
func (s *session) insert(ctx context.Context, t *table, rows [][]any) ([]bool, error) {
	inserted := make([]bool, len(rows))
	err := s.chunks(len(rows), s.many(), func(from, to int) error {
		part := rows[from:to]
		query := s.text(t, 'i', len(part), func() string { return t.insertText(s.core.dialect, len(part)) })
		args := s.args(t.columns, part)
		if s.core.dialect != postgres {
			n, err := s.exec(ctx, query, args...)
			if err == nil && n != int64(len(part)) && len(part) > 1 {
				err = errAlone
			}
			for i := from; i < to; i++ {
				inserted[i] = n == int64(len(part))
			}
			return err
		}
		key, dest := receivers(t.columns[:t.keys])
		next := 0
		return s.query(ctx, func(r *sql.Rows) error {
			if err := r.Scan(dest...); err != nil {
				return err
			}
			i, ok := seek(part, next, key())
			if !ok {
				return errors.New("gormstore: the database returned a row that was not sent")
			}
			inserted[i] = true
			next = i + 1
			return nil
		}, query, args...)
	})
	return inserted, err
}

// seek finds the row that begins with the key, looking from place at on: the new
// rows come back in the order in which they were sent.
func seek(rows [][]any, at int, key []any) (place int, ok bool) {
	for n := range rows {
		i := (at + n) % len(rows)
		if slices.EqualFunc(key, rows[i][:len(key)], equal) {
			return i, true
		}
	}
	return 0, false
}

func equal(a, b any) bool {
	if a, ok := a.([]byte); ok {
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	}
	return a == b
}

// insertNew adds rows of which none is there. If one is, it returns errAlone, and
// some are added.
func (s *session) insertNew(ctx context.Context, t *table, rows [][]any) error {
	return s.chunks(len(rows), sizes[0], func(from, to int) error {
		part := rows[from:to]
		query := s.text(t, 'n', len(part), func() string { return t.addText(s.core.dialect, len(part)) })
		n, err := s.exec(ctx, query, s.args(t.columns, part)...)
		if err == nil && n != int64(len(part)) {
			err = errAlone
		}
		return err
	})
}

// receivers makes variables to scan the columns into, and a way to read them.
func receivers(columns []column) (read func() []any, dest []any) {
	for _, c := range columns {
		switch c.kind {
		case integer:
			dest = append(dest, new(int64))
		case binary:
			dest = append(dest, new([]byte))
		default:
			dest = append(dest, new(string))
		}
	}
	row := make([]any, len(dest))
	return func() []any {
		for i, d := range dest {
			switch v := d.(type) {
			case *int64:
				row[i] = *v
			case *[]byte:
				row[i] = *v
			case *string:
				row[i] = *v
			}
		}
		return row
	}, dest
}

// find reads rows by their keys, and locks them if asked to.
func (s *session) find(ctx context.Context, t *table, keys [][]any, lock bool, row func(*sql.Rows) error) error {
	return s.chunks(len(keys), s.many(), func(from, to int) error {
		part := keys[from:to]
		query := s.text(t, 's'+b2i(lock), len(part), func() string { return t.selectText(s.core.dialect, len(part), lock) })
		return s.query(ctx, row, query, s.args(t.columns[:t.keys], part)...)
	})
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// update changes rows one by one or all at once and returns how many it hit.
// The rows' values are in the order of [update.params].
func (s *session) update(ctx context.Context, u *update, rows [][]any) (hit int64, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	query := s.text(u, 'u', 0, func() string { return u.text(s.core.dialect) })
	if s.core.dialect == postgres {
		return s.exec(ctx, query, arrays(u.params(), rows)...)
	}
	keys, set := u.table.keys, len(u.set)
	for _, row := range rows {
		args := make([]any, 0, len(row))
		args = append(args, row[keys:keys+set]...)
		args = append(args, row[:keys]...)
		args = append(args, row[keys+set:]...)
		n, err := s.exec(ctx, query, args...)
		if err != nil {
			return hit, err
		}
		hit += n
	}
	return hit, nil
}

// remove deletes rows by their keys and returns how many there were.
func (s *session) remove(ctx context.Context, t *table, keys [][]any) (gone int64, err error) {
	err = s.chunks(len(keys), s.many(), func(from, to int) error {
		part := keys[from:to]
		query := s.text(t, 'd', len(part), func() string { return t.deleteText(s.core.dialect, len(part)) })
		n, err := s.exec(ctx, query, s.args(t.columns[:t.keys], part)...)
		gone += n
		return err
	})
	return gone, err
}
