package gormstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

//go:embed migrations
var migrationFiles embed.FS

// Migration is one step of the schema.
type Migration struct {
	// Version counts from 1 without gaps.
	Version int
	Name    string
	// AppliedAt is when the database took it, zero if it has not.
	AppliedAt time.Time

	up, down string
}

// Schema is what [MigrationStatus] finds.
type Schema struct {
	// Have is the database's version, 0 if it is empty. Want is the code's.
	Have, Want int
	// Migrations are those that the code knows, in order.
	Migrations []Migration
}

// Err returns a [*SchemaError] unless the database has the version of the code.
func (s Schema) Err() error {
	if s.Have == s.Want {
		return nil
	}
	return &SchemaError{Have: s.Have, Want: s.Want}
}

// SchemaError says that the database's schema is not that of the code.
type SchemaError struct{ Have, Want int }

// Error says which is the newer, and what to do.
func (e *SchemaError) Error() string {
	if e.Have > e.Want {
		return fmt.Sprintf("gormstore: the database has schema version %d, newer than %d, the newest this program knows; run a newer program", e.Have, e.Want)
	}
	return fmt.Sprintf("gormstore: the database has schema version %d, and this program needs %d; migrate it first", e.Have, e.Want)
}

func migrationsOf(d dialect) ([]Migration, error) {
	dir := path.Join("migrations", string(d))
	entries, err := fs.Glob(migrationFiles, path.Join(dir, "*.up.sql"))
	if err != nil {
		return nil, err
	}
	list := make([]Migration, len(entries))
	for i, file := range entries { // in the order of names
		number, name, ok := strings.Cut(strings.TrimSuffix(path.Base(file), ".up.sql"), "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil || version != i+1 {
			return nil, fmt.Errorf("gormstore: the migration %s is out of order", file)
		}
		up, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		down, err := migrationFiles.ReadFile(strings.TrimSuffix(file, ".up.sql") + ".down.sql")
		if err != nil {
			return nil, err
		}
		list[i] = Migration{Version: version, Name: name, up: string(up), down: string(down)}
	}
	return list, nil
}

// Migrate brings the schema to the version of this code. Any number of
// processes may call it at once: one does the work and the others wait for it. A
// schema that is newer is a [*SchemaError] and left alone.
func Migrate(ctx context.Context, db *gorm.DB) error {
	return migrating(ctx, db, func(m *migrator) error {
		if m.schema.Have > m.schema.Want {
			return m.schema.Err()
		}
		for _, step := range m.schema.Migrations[m.schema.Have:] {
			if err := m.apply(step.up, "INSERT INTO gw_schema (version, name, applied_at) VALUES (?, ?, ?)",
				step.Version, step.Name, time.Now().UnixMilli()); err != nil {
				return fmt.Errorf("gormstore: migration %d (%s): %w", step.Version, step.Name, err)
			}
		}
		return nil
	})
}

// MigrateDown takes back migrations until the schema has the given version.
// Version 0 removes all tables and ALL DATA in them.
func MigrateDown(ctx context.Context, db *gorm.DB, version int) error {
	return migrating(ctx, db, func(m *migrator) error {
		if m.schema.Have > m.schema.Want {
			return m.schema.Err()
		}
		if version < 0 || version > m.schema.Have {
			return fmt.Errorf("gormstore: the schema has version %d and cannot go down to %d", m.schema.Have, version)
		}
		for have := m.schema.Have; have > version; have-- {
			step := m.schema.Migrations[have-1]
			if err := m.apply(step.down, "DELETE FROM gw_schema WHERE version = ?", step.Version); err != nil {
				return fmt.Errorf("gormstore: taking back migration %d (%s): %w", step.Version, step.Name, err)
			}
		}
		return nil
	})
}

// MigrationStatus reports which migrations the database has. It changes nothing.
func MigrationStatus(ctx context.Context, db *gorm.DB) (Schema, error) {
	d, err := dialectOf(db)
	if err != nil {
		return Schema{}, err
	}
	quiet := db.Session(&gorm.Session{NewDB: true, Context: ctx, Logger: logger.Discard})
	pool, err := quiet.DB()
	if err != nil {
		return Schema{}, fmt.Errorf("gormstore: the database is no pool of connections: %w", err)
	}
	// Asking for a table that may not be there is an error in some databases,
	// and looking into their catalogues first is not.
	there := false
	rows, err := pool.QueryContext(ctx, tableQuery[d])
	if err == nil {
		err = each(rows, func(*sql.Rows) error { there = true; return nil })
	}
	if err != nil {
		return Schema{}, answer("read the schema's version", err)
	}
	return readSchema(ctx, d, pool, there)
}

var tableQuery = map[dialect]string{
	sqlite:   "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'gw_schema'",
	postgres: "SELECT 1 WHERE to_regclass('gw_schema') IS NOT NULL",
	mysql:    "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'gw_schema'",
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readSchema(ctx context.Context, d dialect, on querier, there bool) (Schema, error) {
	list, err := migrationsOf(d)
	if err != nil {
		return Schema{}, err
	}
	schema := Schema{Want: len(list), Migrations: list}
	if !there {
		return schema, nil
	}
	rows, err := on.QueryContext(ctx, "SELECT version, applied_at FROM gw_schema ORDER BY version")
	if err == nil {
		err = each(rows, func(r *sql.Rows) error {
			var version int
			var at int64
			if err := r.Scan(&version, &at); err != nil {
				return err
			}
			schema.Have = max(schema.Have, version)
			if version >= 1 && version <= len(list) {
				list[version-1].AppliedAt = fromMillis(at)
			}
			return nil
		})
	}
	return schema, answer("read the schema's version", err)
}
