package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// migrator is one connection that holds the lock of migrations.
type migrator struct {
	ctx     context.Context
	dialect dialect
	conn    *sql.Conn
	schema  Schema
}

const schemaTable = `CREATE TABLE IF NOT EXISTS gw_schema (
    version    INTEGER NOT NULL PRIMARY KEY,
    name       VARCHAR(255) NOT NULL,
    applied_at BIGINT NOT NULL
)`

// migrating runs fn on a connection that holds the lock of migrations, so that
// of any number of processes one at a time migrates. PostgreSQL and SQLite take
// all of it in one transaction; MySQL commits each statement, all of which can be
// repeated after an interruption.
func migrating(ctx context.Context, db *gorm.DB, fn func(*migrator) error) (err error) {
	d, err := dialectOf(db)
	if err != nil {
		return err
	}
	pool, err := db.DB()
	if err != nil {
		return fmt.Errorf("gormstore: the database is no pool of connections: %w", err)
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return answer("migrate", err)
	}
	defer conn.Close()
	m := &migrator{ctx: ctx, dialect: d, conn: conn}
	if err := m.lock(); err != nil {
		return answer("migrate", err)
	}
	defer func() { err = m.unlock(err) }()
	if err := m.exec(schemaTable); err != nil {
		return answer("migrate", err)
	}
	if m.schema, err = readSchema(ctx, d, conn, true); err != nil {
		return err
	}
	return fn(m)
}

func (m *migrator) exec(query string, args ...any) error {
	_, err := m.conn.ExecContext(m.ctx, m.dialect.bind(query), args...)
	return err
}

// apply runs the statements of a migration and then records it.
func (m *migrator) apply(script, record string, args ...any) error {
	for statement := range strings.SplitSeq(script, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := m.exec(statement); err != nil {
			return err
		}
	}
	return m.exec(record, args...)
}

// The lock is held for the schema (the database of MySQL) that the connection
// works in. MySQL's waits for a time, since it cannot be cancelled.
const (
	postgresLock = "SELECT pg_advisory_xact_lock(hashtext('gatewright'), hashtext(current_schema()))"
	mysqlLock    = "SELECT GET_LOCK(CONCAT('gw_', MD5(DATABASE())), 120)"
	mysqlUnlock  = "DO RELEASE_LOCK(CONCAT('gw_', MD5(DATABASE())))"
)

func (m *migrator) lock() error {
	switch m.dialect {
	case mysql:
		var got sql.Null[int64]
		if err := m.conn.QueryRowContext(m.ctx, mysqlLock).Scan(&got); err != nil {
			return err
		}
		if got.V != 1 {
			return errors.New("gormstore: another process has been migrating for two minutes")
		}
		return nil
	case postgres:
		if err := m.exec(m.dialect.begin()); err != nil {
			return err
		}
		return m.exec(postgresLock)
	default:
		return m.exec(m.dialect.begin())
	}
}

func (m *migrator) unlock(err error) error {
	ctx := context.WithoutCancel(m.ctx)
	var query string
	switch {
	case m.dialect == mysql:
		query = mysqlUnlock
	case err != nil:
		query = "ROLLBACK"
	default:
		query = "COMMIT"
	}
	if _, failed := m.conn.ExecContext(ctx, query); failed != nil {
		discard(m.conn)
		if err == nil {
			err = answer("migrate", failed)
		}
	}
	return err
}
