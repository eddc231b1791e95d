package gormstore_test

import (
	"strings"
	"testing"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"gorm.io/gorm"
	"gorm.io/gorm/utils/tests"
)

// otherDialector is a database that the store does not know.
type otherDialector struct{ tests.DummyDialector }

func (otherDialector) Name() string { return "oracle" }

func TestNewRefused(t *testing.T) {
	t.Parallel()
	other, err := gorm.Open(otherDialector{}, &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		db   *gorm.DB
		says string
	}{
		{"NoDatabase", nil, "no database"},
		{"Empty", &gorm.DB{Config: &gorm.Config{}}, "no database"},
		{"OtherDialect", other, "oracle"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, options := range []gormstore.Options{{}, {Migrate: true}} {
				if _, err := gormstore.New(t.Context(), test.db, options); err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got error %v, which does not speak of %q", err, test.says)
				}
			}
			if err := gormstore.Migrate(t.Context(), test.db); err == nil {
				t.Error("it was migrated")
			}
		})
	}
}
