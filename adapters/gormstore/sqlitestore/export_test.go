package sqlitestore

import (
	"testing"
	"time"

	"gorm.io/gorm"
)

// OpenPlain opens a file as another program would.
func OpenPlain(t *testing.T, path string) *gorm.DB {
	t.Helper()
	db, err := open(t.Context(), path, time.Second, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
