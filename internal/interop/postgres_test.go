package interop_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"net/url"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

const postgresVariable = "GATEWRIGHT_TEST_POSTGRES"

// postgresSchema makes a schema for the test and returns the data source name
// that works in it.
func postgresSchema(tb testing.TB) string {
	tb.Helper()
	dsn := os.Getenv(postgresVariable)
	if dsn == "" {
		tb.Skipf("%s is not set", postgresVariable)
	}
	at, err := url.Parse(dsn)
	if err != nil || at.Scheme == "" {
		tb.Fatalf("%s is no postgres:// address", postgresVariable)
	}
	name := "gw_test_" + unique()
	admin(tb, "pgx", dsn, "CREATE SCHEMA "+name)
	tb.Cleanup(func() { admin(tb, "pgx", dsn, "DROP SCHEMA "+name+" CASCADE") })
	query := at.Query()
	query.Set("search_path", name)
	query.Set("application_name", name)
	at.RawQuery = query.Encode()
	return at.String()
}

func openPostgres(tb testing.TB, dsn string) *gorm.DB {
	tb.Helper()
	return openGorm(tb, gormpostgres.Open(dsn))
}

func openGorm(tb testing.TB, d gorm.Dialector) *gorm.DB {
	tb.Helper()
	db, err := gorm.Open(d, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		tb.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	pool.SetMaxOpenConns(6) // several stores are open at a time, and servers have 100 by default
	tb.Cleanup(func() { _ = pool.Close() })
	return db
}

func admin(tb testing.TB, driver, dsn, statement string) {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		tb.Errorf("%s: %v", statement, err)
	}
}

func unique() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
