package gormstore_test

import (
	"context"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

// A host opens the database with the driver of its choice, for instance
// gorm.Open(postgres.Open(dsn)), and brings the schema up at start.
func ExampleNew() {
	open := func(ctx context.Context, db *gorm.DB) (*gormstore.Store, error) {
		return gormstore.New(ctx, db, gormstore.Options{Migrate: true})
	}
	_ = open
}

// In a transaction of the host, an organization and the host's own row are
// committed together.
func ExampleStore_WithTx() {
	type merchant struct{ Name string }
	onboard := func(ctx context.Context, db *gorm.DB, store *gormstore.Store, o storage.Organization, e storage.Event) error {
		return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&merchant{Name: o.Name}).Error; err != nil {
				return err
			}
			return store.WithTx(tx).CreateOrganization(ctx, o, e)
		})
	}
	_ = onboard
}
