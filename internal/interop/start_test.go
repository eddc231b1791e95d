package interop_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
)

// TestManyStart opens an empty database from eight instances at once.
func TestManyStart(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dsn := d.make(t)
			var wait sync.WaitGroup
			failed := make(chan error, 8)
			begin := make(chan struct{})
			for range 8 {
				db := d.open(t, dsn)
				wait.Go(func() {
					<-begin
					s, err := gormstore.New(t.Context(), db, gormstore.Options{Migrate: true, Writers: 1})
					if err != nil {
						failed <- err
						return
					}
					if err := s.Ping(t.Context()); err != nil {
						failed <- err
					}
					if err := s.Close(t.Context()); err != nil {
						failed <- err
					}
				})
			}
			close(begin)
			wait.Wait()
			close(failed)
			for err := range failed {
				t.Error(err)
			}
		})
	}
}

// TestSchemaVersions goes up, refuses what is older and newer, and goes down.
func TestSchemaVersions(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t, d.make(t))
			ctx := t.Context()

			refused := func(what string, have, want int) {
				t.Helper()
				_, err := gormstore.New(ctx, db, gormstore.Options{})
				schema, ok := errors.AsType[*gormstore.SchemaError](err)
				if !ok || schema.Have != have || schema.Want != want {
					t.Errorf("%s: got error %v", what, err)
				}
			}
			status, err := gormstore.MigrationStatus(ctx, db)
			must(t, err)
			if status.Have != 0 || status.Want < 1 || len(status.Migrations) != status.Want {
				t.Fatalf("status of an empty database: %+v", status)
			}
			refused("an empty database", 0, status.Want)

			must(t, gormstore.Migrate(ctx, db))
			must(t, gormstore.Migrate(ctx, db)) // again: nothing to do
			status, err = gormstore.MigrationStatus(ctx, db)
			must(t, err)
			must(t, status.Err())
			for _, m := range status.Migrations {
				if m.AppliedAt.IsZero() {
					t.Errorf("migration %d has no time", m.Version)
				}
			}
			s := newStore(t, db, gormstore.Options{})
			must(t, s.CreateOrganization(ctx, storage.Organization{ID: "org", Status: storage.Active}, storage.Event{}))

			must(t, db.Exec("INSERT INTO gw_schema (version, name, applied_at) VALUES (?, 'future', 0)", status.Want+1).Error)
			refused("a newer database", status.Want+1, status.Want)
			for what, err := range map[string]error{
				"Migrate":            gormstore.Migrate(ctx, db),
				"MigrateDown":        gormstore.MigrateDown(ctx, db, 0),
				"New with Migrate":   func() error { _, err := gormstore.New(ctx, db, gormstore.Options{Migrate: true}); return err }(),
				"MigrateDown beyond": gormstore.MigrateDown(ctx, db, status.Want+1),
			} {
				if err == nil || !strings.Contains(err.Error(), "newer") {
					t.Errorf("%s of a newer database: got error %v", what, err)
				}
			}
			if _, err := s.Organization(ctx, "org"); err != nil {
				t.Errorf("refusing has done harm: %v", err)
			}
			must(t, db.Exec("DELETE FROM gw_schema WHERE version = ?", status.Want+1).Error)

			must(t, gormstore.MigrateDown(ctx, db, 0))
			refused("an emptied database", 0, status.Want)
			if db.Migrator().HasTable("gw_client") {
				t.Error("going down has left a table")
			}
			must(t, gormstore.Migrate(ctx, db)) // and up again
		})
	}
}
