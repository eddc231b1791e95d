// Package sqlitestore opens a [gormstore.Store] in a SQLite file. The file runs
// in WAL mode with synchronous=FULL: what was answered survives a crash of the
// process and of the machine. One connection writes, in batches; others read.
//
// With cgo it links mattn/go-sqlite3 through gorm.io/driver/sqlite, without cgo
// (or with the build tag gatewright_purego) modernc.org/sqlite. The files are
// the same.
package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Options are the settings of [OpenWith]. The zero value works.
type Options struct {
	// Store are the settings of the store. Migrate is always on; Reader and
	// OnClose are set here.
	Store gormstore.Options
	// BusyTimeout is how long a write waits for another process that writes to
	// the same file; 0 is 5 seconds.
	BusyTimeout time.Duration
	// Readers is how many connections read at most; 0 is twice the processors,
	// at least 4. The change feed keeps one, so that 1 counts as 2.
	Readers int
}

// Open opens the file, makes it if it is not there (readable by its owner only),
// and brings its schema up to date. The folder must exist. Several processes may
// open one file on a local disk; never put it on a network file system.
func Open(ctx context.Context, path string) (*gormstore.Store, error) {
	return OpenWith(ctx, path, Options{})
}

// OpenWith is [Open] with settings.
func OpenWith(ctx context.Context, path string, o Options) (*gormstore.Store, error) {
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:") {
		return nil, errors.New("sqlitestore: the path must be that of a file (storage/memory keeps data in memory)")
	}
	if o.BusyTimeout < 0 || o.Readers < 0 {
		return nil, errors.New("sqlitestore: Options.BusyTimeout and Readers must not be negative")
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Readers == 0 {
		o.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	o.Readers = max(o.Readers, 2)
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: %w", err)
	}
	file, err := os.OpenFile(absolute, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("sqlitestore: %w", err)
	}
	// The first connection turns WAL on, alone: readers cannot.
	writer, err := open(ctx, absolute, o.BusyTimeout, 1, false)
	if err != nil {
		return nil, err
	}
	reader, err := open(ctx, absolute, o.BusyTimeout, o.Readers, true)
	if err != nil {
		return nil, errors.Join(err, closeDB(writer))
	}
	closeAll := func() error {
		// The last connection to close takes the WAL back into the file, which
		// readers cannot.
		return errors.Join(closeDB(reader), closeDB(writer))
	}
	settings := o.Store
	settings.Migrate, settings.Reader, settings.OnClose = true, reader, closeAll
	store, err := gormstore.New(ctx, writer, settings)
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	return store, nil
}

func open(ctx context.Context, path string, busy time.Duration, connections int, readOnly bool) (*gorm.DB, error) {
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: parameters(busy, readOnly)}).String()
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: driverName, DSN: dsn}), &gorm.Config{
		SkipDefaultTransaction: true,
		Logger:                 logger.Discard, // it would log values
	})
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: cannot open the database: %w", err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: %w", err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return db, nil
}

func closeDB(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}
