package example

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
)

// OpenStore opens the store that the flags name: SQLite in the data folder, or
// the database of -dsn. Call the returned function to close it.
func (f *Flags) OpenStore(ctx context.Context) (*gormstore.Store, func(context.Context) error, error) {
	if f.DSN == "" {
		store, err := sqlitestore.Open(ctx, filepath.Join(f.Data, "gatewright.db"))
		if err != nil {
			return nil, nil, err
		}
		return store, store.Close, nil
	}
	db, err := openPool(f.DSN, 16)
	if err != nil {
		return nil, nil, err
	}
	closeDB := func() error {
		pool, err := db.DB()
		if err != nil {
			return err
		}
		return pool.Close()
	}
	store, err := gormstore.New(ctx, db, gormstore.Options{Migrate: true, OnClose: closeDB})
	if err != nil {
		_ = closeDB()
		return nil, nil, err
	}
	return store, store.Close, nil
}

// OpenHost opens the database of the host's own data: the same server, or a
// SQLite file of its own.
func (f *Flags) OpenHost() (*gorm.DB, error) {
	if f.DSN != "" {
		return openPool(f.DSN, 6)
	}
	path := filepath.Join(f.Data, "host.db")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite would let everybody read
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: sqliteDriver, DSN: path}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	return db, db.Exec("PRAGMA busy_timeout = 5000").Error
}

// openPool opens a database with so many connections at most, which are kept:
// servers allow a hundred or so, for all processes.
func openPool(dsn string, connections int) (*gorm.DB, error) {
	db, err := OpenDSN(dsn)
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// OpenDSN opens PostgreSQL, MySQL or MariaDB by a URL, or by the form that the
// driver itself takes ("host=..." and "user:password@tcp(host:port)/name").
func OpenDSN(dsn string) (*gorm.DB, error) {
	config := &gorm.Config{Logger: logger.Discard, SkipDefaultTransaction: true}
	if !isMySQL(dsn) {
		db, err := gorm.Open(postgres.Open(dsn), config)
		if err != nil {
			return nil, fmt.Errorf("-dsn: PostgreSQL cannot be opened: %w", err)
		}
		return db, nil
	}
	native, err := nativeMySQL(dsn)
	if err != nil {
		return nil, err
	}
	parsed, err := driver.ParseDSN(native)
	if err != nil {
		return nil, fmt.Errorf("-dsn: want mysql://user:password@host:port/name: %w", err)
	}
	parsed.ParseTime = true // the host's own tables have times
	db, err := gorm.Open(mysql.Open(parsed.FormatDSN()), config)
	if err != nil {
		return nil, fmt.Errorf("-dsn: MySQL or MariaDB cannot be opened: %w", err)
	}
	return db, nil
}

// databaseName is the same for every spelling of one database.
func databaseName(dsn string) (string, error) {
	if isMySQL(dsn) {
		native, err := nativeMySQL(dsn)
		if err != nil {
			return "", err
		}
		parsed, err := driver.ParseDSN(native)
		if err != nil {
			return "", fmt.Errorf("-dsn: want mysql://user:password@host:port/name: %w", err)
		}
		return "mysql " + loopback(parsed.Addr) + " " + parsed.DBName, nil
	}
	parsed, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return "", fmt.Errorf("-dsn: want postgres://user:password@host:port/name: %w", err)
	}
	return fmt.Sprintf("postgres %s %d %s", loopback(parsed.Host), parsed.Port, parsed.Database), nil
}

// loopback gives this machine one spelling.
func loopback(address string) string {
	for _, spelling := range []string{"localhost", "[::1]", "::1"} {
		if rest, ok := strings.CutPrefix(address, spelling); ok && (rest == "" || rest[0] == ':') {
			return "127.0.0.1" + rest
		}
	}
	return address
}

func isMySQL(dsn string) bool {
	return strings.HasPrefix(dsn, "mysql://") || strings.HasPrefix(dsn, "mariadb://") || strings.Contains(dsn, "@tcp(") || strings.Contains(dsn, "@unix(")
}

// nativeMySQL turns a URL into the driver's own form.
func nativeMySQL(dsn string) (string, error) {
	if !strings.HasPrefix(dsn, "mysql://") && !strings.HasPrefix(dsn, "mariadb://") {
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("-dsn: want mysql://user:password@host:port/name")
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "3306")
	}
	user := u.User.Username()
	if password, ok := u.User.Password(); ok {
		user += ":" + password
	}
	native := user + "@tcp(" + host + ")" + u.Path
	if u.RawQuery != "" {
		native += "?" + u.RawQuery
	}
	return native, nil
}
