package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // makes and drops schemas
)

// The databases.
const (
	sqlite   = "sqlite"
	postgres = "postgres"
)

// poolSize is how many connections to PostgreSQL a server may use.
const poolSize = 32

// makeDatabase makes an empty database and says how to remove it.
func makeDatabase(ctx context.Context, kind, postgresURL string) (dsn string, remove func() error, err error) {
	switch kind {
	case memory:
		return "", func() error { return nil }, nil
	case sqlite:
		dir, err := os.MkdirTemp("", "gatewright-bench-")
		if err != nil {
			return "", nil, err
		}
		return filepath.Join(dir, "bench.db"), func() error { return os.RemoveAll(dir) }, nil
	}
	u, err := url.Parse(postgresURL)
	if err != nil || u.Scheme == "" {
		return "", nil, errors.New("GATEWRIGHT_TEST_POSTGRES is no postgres:// URL")
	}
	name := "bench_" + rand.Text()
	if err := execute(ctx, postgresURL, `CREATE SCHEMA "`+name+`"`); err != nil {
		return "", nil, err
	}
	query := u.Query()
	query.Set("search_path", `"`+name+`"`)
	query.Set("application_name", name)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // as PostgreSQL reads it
	return u.String(), func() error {
		return execute(context.WithoutCancel(ctx), postgresURL, `DROP SCHEMA "`+name+`" CASCADE`)
	}, nil
}

func execute(ctx context.Context, dsn, statement string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// checkDurability warns of a PostgreSQL whose commits do not survive a crash of
// the machine; figures with it would flatter whoever writes.
func checkDurability(ctx context.Context, o options) (warnings []string, err error) {
	if !slices.Contains(o.databases, postgres) {
		return nil, nil
	}
	db, err := sql.Open("pgx", o.postgres)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := db.QueryRowContext(ctx, "SHOW "+setting).Scan(&value); err != nil {
			return nil, err
		}
		if value == "off" {
			warnings = append(warnings, fmt.Sprintf("PostgreSQL runs with %s=off: its commits are not durable", setting))
		}
	}
	return warnings, nil
}

// databaseTime is the processor time of the PostgreSQL processes that serve the
// connections of dsn, if they run on this machine; 0 elsewhere and for SQLite,
// which runs within the server.
func databaseTime(ctx context.Context, kind, dsn string) (total time.Duration, err error) {
	if kind != postgres {
		return 0, nil
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, "SELECT pid FROM pg_stat_activity WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()")
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			return 0, err
		}
		total += timeOf(pid)
	}
	return total, rows.Err()
}
