package sqlitestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/storagetest"
	"gorm.io/gorm"
)

// crashVariable tells the child process of the crash suite where its data is.
const crashVariable = "GATEWRIGHT_SQLITESTORE_CRASH"

func TestCrash(t *testing.T) {
	place := os.Getenv(crashVariable)
	if place == "" {
		place = t.TempDir()
		t.Setenv(crashVariable, place)
	}
	storagetest.RunCrash(t, storagetest.Crash{
		Place: place,
		Open: func(t *testing.T, place string) storage.Store {
			return openAt(t, filepath.Join(place, "gatewright.db"))
		},
	})
}

func TestTwoInstances(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatewright.db")
	first := openAt(t, path)
	storagetest.Options{
		Shared: true, Contenders: 16, Rounds: 2,
		Another: func(t *testing.T, _ storage.Store) storage.Store { return openAt(t, path) },
	}.Run(t, func(*testing.T) storage.Store { return first })
}

// TestManyStart opens a file that is not there from eight instances at once.
func TestManyStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatewright.db")
	var wait sync.WaitGroup
	begin := make(chan struct{})
	for range 8 {
		wait.Go(func() {
			<-begin
			s, err := sqlitestore.OpenWith(t.Context(), path, sqlitestore.Options{BusyTimeout: 20 * time.Second})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(s.Ping(t.Context()), s.Close(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	wait.Wait()
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?c#d%41&_journal_mode=OFF'.db")
	s, err := sqlitestore.Open(t.Context(), path)
	must(t, err)
	must(t, s.CreateOrganization(t.Context(), storage.Organization{ID: "org", Status: storage.Active}, storage.Event{}))
	for _, file := range []string{path, path + "-wal"} {
		info, err := os.Stat(file)
		must(t, err)
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %v: others can read it", filepath.Base(file), mode)
		}
	}
	must(t, s.Close(t.Context()))
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("closing has left a write-ahead log")
	}
	again := openAt(t, path)
	if _, err := again.Organization(t.Context(), "org"); err != nil {
		t.Error(err)
	}
}

func TestOpenRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	notOurs := filepath.Join(dir, "text")
	must(t, os.WriteFile(notOurs, []byte(strings.Repeat("not a database\n", 100)), 0o600))
	newer := filepath.Join(dir, "newer.db")
	makeNewer(t, newer)
	for _, test := range []struct {
		name, path string
		options    sqlitestore.Options
		says       string
	}{
		{"Empty", "", sqlitestore.Options{}, "path"},
		{"Memory", ":memory:", sqlitestore.Options{}, "path"},
		{"URI", "file:x.db?mode=memory", sqlitestore.Options{}, "path"},
		{"NoFolder", filepath.Join(dir, "missing", "x.db"), sqlitestore.Options{}, "no such file"},
		{"Folder", dir, sqlitestore.Options{}, "directory"},
		{"NotADatabase", notOurs, sqlitestore.Options{}, ""},
		{"Newer", newer, sqlitestore.Options{}, "newer"},
		{"NegativeTimeout", filepath.Join(dir, "x.db"), sqlitestore.Options{BusyTimeout: -1}, "BusyTimeout"},
		{"NegativeReaders", filepath.Join(dir, "x.db"), sqlitestore.Options{Readers: -1}, "Readers"},
		{"NegativeQueue", filepath.Join(dir, "x.db"), sqlitestore.Options{Store: gormstore.Options{Queue: -1}}, "Queue"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := sqlitestore.OpenWith(t.Context(), test.path, test.options)
			if err == nil {
				_ = s.Close(t.Context())
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error %q does not speak of %q", err, test.says)
			}
		})
	}
}

// makeNewer makes a file that a later version of the code has migrated.
func makeNewer(t *testing.T, path string) {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path)
	must(t, err)
	must(t, s.Close(t.Context()))
	db := sqlitestore.OpenPlain(t, path)
	must(t, db.Exec("INSERT INTO gw_schema (version, name, applied_at) VALUES (1000, 'future', 0)").Error)
	closePlain(t, db)
}

func closePlain(t *testing.T, db *gorm.DB) {
	t.Helper()
	pool, err := db.DB()
	must(t, err)
	must(t, pool.Close())
}

// TestBusy has another process hold the file. Writes wait for the busy timeout
// and are unavailable then, a full queue refuses at once, and reads go on.
func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatewright.db")
	s, err := sqlitestore.OpenWith(t.Context(), path, sqlitestore.Options{
		BusyTimeout: 400 * time.Millisecond, Store: gormstore.Options{Queue: 2, Batch: 1},
	})
	must(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	other := sqlitestore.OpenPlain(t, path)
	defer closePlain(t, other)
	tx := other.Begin()
	must(t, tx.Error)
	must(t, tx.Exec("UPDATE gw_counter SET value = value").Error)

	if err := s.Claim(t.Context(), "x", []byte("1"), time.Now().Add(time.Hour)); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("a write that cannot be done was answered %v", err)
	}
	if _, err := s.Organization(t.Context(), "x"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a read was answered %v", err)
	}
	busy := make(chan error, 20)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			err := s.Claim(t.Context(), "y", []byte{byte(i)}, time.Now().Add(time.Hour))
			if errors.Is(err, storage.ErrBusy) {
				busy <- err
			}
		})
	}
	wait.Wait()
	if len(busy) < 10 {
		t.Errorf("%d of 20 commands were refused at a full queue of 2", len(busy))
	}
	must(t, tx.Rollback().Error)
	must(t, s.Claim(t.Context(), "x", []byte("1"), time.Now().Add(time.Hour)))
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkStore(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) storage.Store {
		s, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "gatewright.db"))
		must(b, err)
		b.Cleanup(func() { _ = s.Close(context.Background()) })
		return s
	})
}
