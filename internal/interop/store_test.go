package interop_test

import (
	"context"
	"testing"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/storagetest"
	"gorm.io/gorm"
)

// databases are those that the suites run on.
var databases = []struct {
	name string
	// make makes an empty database and returns its data source name.
	make func(testing.TB) string
	open func(testing.TB, string) *gorm.DB
}{
	{"PostgreSQL", postgresSchema, openPostgres},
	{"MySQL", mysqlDatabase, openMySQL},
}

func newStore(tb testing.TB, db *gorm.DB, o gormstore.Options) *gormstore.Store {
	tb.Helper()
	o.Migrate = true
	s, err := gormstore.New(tb.Context(), db, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			// One database for all: making tables for each test would take longer
			// than the tests.
			dsn := d.make(t)
			store := newStore(t, d.open(t, dsn), gormstore.Options{Writers: 2})
			storagetest.Options{
				Shared: true,
				Another: func(t *testing.T, _ storage.Store) storage.Store {
					return newStore(t, d.open(t, dsn), gormstore.Options{})
				},
			}.Run(t, func(*testing.T) storage.Store { return store })
		})
	}
}
