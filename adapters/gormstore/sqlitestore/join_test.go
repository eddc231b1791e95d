package sqlitestore_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
)

// TestJoin commits the host's own rows together with commands, or neither.
func TestJoin(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "gatewright.db"))
	if s.DB(t.Context()) != nil {
		t.Error("a store that is no transaction gives one")
	}
	undone := errors.New("undone")
	onboard := func(name string, fail error) error {
		return s.Transact(t.Context(), func(ctx context.Context, tx storage.Store) error {
			db := tx.(*gormstore.Store).DB(ctx)
			if err := db.Exec("CREATE TABLE IF NOT EXISTS host (name TEXT PRIMARY KEY)").Error; err != nil {
				return err
			}
			if err := db.Exec("INSERT INTO host VALUES (?)", name).Error; err != nil {
				return err
			}
			if err := tx.CreateOrganization(ctx, storage.Organization{ID: name, Status: storage.Active}, storage.Event{}); err != nil {
				return err
			}
			return fail
		})
	}
	must(t, onboard("kept", nil))
	if err := onboard("dropped", undone); err != undone {
		t.Fatalf("the host's error came back as %v", err)
	}
	var names []string
	must(t, s.Transact(t.Context(), func(ctx context.Context, tx storage.Store) error {
		return tx.(*gormstore.Store).DB(ctx).Raw("SELECT name FROM host ORDER BY name").Scan(&names).Error
	}))
	if len(names) != 1 || names[0] != "kept" {
		t.Errorf("the host's rows are %v", names)
	}
	if _, err := s.Organization(t.Context(), "kept"); err != nil {
		t.Error(err)
	}
	if _, err := s.Organization(t.Context(), "dropped"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an organization that was undone: %v", err)
	}
}

// TestDurable: the file runs in WAL mode and every commit is synchronous.
func TestDurable(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "gatewright.db"))
	must(t, s.Transact(t.Context(), func(ctx context.Context, tx storage.Store) error {
		db := tx.(*gormstore.Store).DB(ctx)
		var mode string
		var synchronous int
		must(t, db.Raw("PRAGMA journal_mode").Scan(&mode).Error)
		must(t, db.Raw("PRAGMA synchronous").Scan(&synchronous).Error)
		if mode != "wal" || synchronous != 2 {
			t.Errorf("journal_mode is %s and synchronous %d", mode, synchronous)
		}
		return nil
	}))
}
