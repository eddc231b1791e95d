// Package database opens the databases that the command works on.
package database

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"

	driver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
)

// Flags name a database.
type Flags struct{ dsn, file string }

// Variables of the environment that stand in for flags.
const (
	dsnVariable  = "GATEWRIGHT_DSN"
	fileVariable = "GATEWRIGHT_DSN_FILE"
)

// Register defines the flags.
func (f *Flags) Register(set *flag.FlagSet) {
	set.StringVar(&f.dsn, "dsn", "", "`database`: a SQLite file, postgres://user@host/name or mysql://user@host/name; without a password (or "+dsnVariable+")")
	set.StringVar(&f.file, "dsn-file", "", "`file` with the database, whose name may have a password there; - is standard input (or "+fileVariable+")")
}

// Given tells whether a flag names a database; the environment does not count.
func (f *Flags) Given() bool { return f.dsn != "" || f.file != "" }

// DSN is a database that was named.
type DSN struct {
	// sqlite is the path of a file; empty for another database.
	sqlite string
	other  string
}

// Read reads the flags. A password in an argument is refused: every user of the
// machine can read the arguments of its processes.
func (f *Flags) Read(c *command.Call) (DSN, error) {
	if !f.Given() {
		f.dsn, f.file = os.Getenv(dsnVariable), os.Getenv(fileVariable)
	}
	switch {
	case f.dsn != "" && f.file != "":
		return DSN{}, command.Usage("give either -dsn or -dsn-file, not both")
	case hasPassword(f.file):
		return DSN{}, command.Usage("-dsn-file names a file that holds the database; this is a database with its password")
	case f.file != "":
		data, err := c.Read(f.file)
		if err != nil {
			return DSN{}, err
		}
		return Parse(strings.TrimSpace(string(data)))
	case f.dsn == "":
		return DSN{}, command.Usage("-dsn or -dsn-file is required")
	}
	if hasPassword(f.dsn) {
		return DSN{}, command.Usage("-dsn has a password, which others can see: put it into a file and name that with -dsn-file")
	}
	return Parse(f.dsn)
}

// Parse reads the name of a database, which may have a password.
func Parse(text string) (DSN, error) {
	switch {
	case text == "" || strings.ContainsAny(text, "\n\r\x00"):
		return DSN{}, command.Usage("the database has no name, or more than one")
	case isMySQL(text), isPostgres(text):
		return DSN{other: text}, nil
	}
	path := strings.TrimPrefix(text, "sqlite:")
	if path == "" || strings.Contains(path, "://") {
		return DSN{}, command.Usage("the database is neither a SQLite file nor postgres://... nor mysql://...")
	}
	return DSN{sqlite: path}, nil
}

func isPostgres(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://") || strings.HasPrefix(s, "host=") || strings.Contains(s, " host=")
}

func isMySQL(s string) bool {
	return strings.HasPrefix(s, "mysql://") || strings.HasPrefix(s, "mariadb://") || strings.Contains(s, "@tcp(") || strings.Contains(s, "@unix(")
}

// hasPassword errs towards yes.
func hasPassword(s string) bool {
	switch {
	case strings.HasPrefix(s, "mysql://") || strings.HasPrefix(s, "mariadb://") || strings.HasPrefix(s, "postgres"):
		u, err := url.Parse(s)
		if err != nil {
			return true
		}
		_, has := u.User.Password()
		return has || u.Query().Has("password") || u.Query().Has("sslpassword")
	case isMySQL(s):
		user, _, _ := strings.Cut(s, "@")
		return strings.Contains(user, ":")
	case isPostgres(s):
		return strings.Contains(s, "password")
	}
	return false
}

// String names the database without a password.
func (d DSN) String() string {
	switch {
	case d.sqlite != "":
		return "SQLite file " + d.sqlite
	case isMySQL(d.other):
		if cfg, err := mysqlConfig(d.other); err == nil {
			return "MySQL database " + cfg.DBName + " at " + cfg.Addr
		}
		return "MySQL database"
	}
	if cfg, err := pgconn.ParseConfig(d.other); err == nil {
		return fmt.Sprintf("PostgreSQL database %s at %s:%d", cfg.Database, cfg.Host, cfg.Port)
	}
	return "PostgreSQL database"
}

// ErrNoFile is a SQLite file that is not there.
var ErrNoFile = errors.New("there is no such file")

// SQL opens the database for migrations. A SQLite file must be there.
func (d DSN) SQL() (*gorm.DB, func() error, error) {
	dialector, err := d.dialector()
	if err != nil {
		return nil, nil, err
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard, SkipDefaultTransaction: true})
	if err != nil {
		return nil, nil, fmt.Errorf("%s cannot be opened: %w", d, err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, nil, err
	}
	if d.sqlite != "" {
		pool.SetMaxOpenConns(1)
	}
	return db, pool.Close, nil
}

func (d DSN) dialector() (gorm.Dialector, error) {
	switch {
	case d.sqlite != "":
		if err := d.exists(); err != nil {
			return nil, err
		}
		return sqlite.New(sqlite.Config{DriverName: sqliteDriver, DSN: "file:" + (&url.URL{Path: d.sqlite}).EscapedPath() + sqliteParameters}), nil
	case isMySQL(d.other):
		cfg, err := mysqlConfig(d.other)
		if err != nil {
			return nil, err
		}
		return mysql.Open(cfg.FormatDSN()), nil
	}
	if _, err := pgconn.ParseConfig(d.other); err != nil {
		return nil, command.Usage("want postgres://user@host:port/name")
	}
	return postgres.Open(d.other), nil
}

func (d DSN) exists() error {
	info, err := os.Stat(d.sqlite)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", d, ErrNoFile)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder", d.sqlite)
	}
	return nil
}

// Create makes the file of a SQLite database that is not there yet, as a server
// does; other databases are made by their own means.
func (d DSN) Create(ctx context.Context) error {
	if d.sqlite == "" || d.exists() == nil {
		return nil
	}
	store, err := sqlitestore.Open(ctx, d.sqlite)
	if err != nil {
		return err
	}
	return store.Close(ctx)
}

// Store opens the store in a database whose schema is that of this command; it
// never changes the schema.
func (d DSN) Store(ctx context.Context) (*gormstore.Store, error) {
	db, closeDB, err := d.SQL()
	if err != nil {
		return nil, err
	}
	schema, err := gormstore.MigrationStatus(ctx, db)
	if err == nil {
		err = schema.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", d, err), closeDB())
	}
	if d.sqlite == "" {
		store, err := gormstore.New(ctx, db, gormstore.Options{OnClose: closeDB})
		if err != nil {
			return nil, errors.Join(err, closeDB())
		}
		return store, nil
	}
	if err := closeDB(); err != nil {
		return nil, err
	}
	return sqlitestore.Open(ctx, d.sqlite)
}

// mysqlConfig reads a URL, or the driver's own form.
func mysqlConfig(dsn string) (*driver.Config, error) {
	if !strings.HasPrefix(dsn, "mysql://") && !strings.HasPrefix(dsn, "mariadb://") {
		cfg, err := driver.ParseDSN(dsn)
		if err != nil {
			return nil, command.Usage("want mysql://user@host:port/name")
		}
		return cfg, nil
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Hostname() == "" {
		return nil, command.Usage("want mysql://user@host:port/name")
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	cfg, err := driver.ParseDSN("@tcp(" + net.JoinHostPort(u.Hostname(), port) + ")" + u.EscapedPath() + query(u))
	if err != nil {
		return nil, command.Usage("want mysql://user@host:port/name")
	}
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	return cfg, nil
}

func query(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	return "?" + u.RawQuery
}
