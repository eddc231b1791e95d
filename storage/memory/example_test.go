package memory_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

func ExampleNew() {
	ctx, now := context.Background(), time.Now()
	store := memory.New()

	organization := storage.Organization{ID: "merchant", Status: storage.Active}
	if err := store.CreateOrganization(ctx, organization, storage.Event{ID: storage.NewID(now), At: now, Type: "organization.created"}); err != nil {
		fmt.Println(err)
	}
	client := storage.Client{ID: "key", Organization: "merchant", Status: storage.Active}
	if err := store.CreateClient(ctx, client, storage.Event{ID: storage.NewID(now), At: now, Type: "key.created"}); err != nil {
		fmt.Println(err)
	}

	read, err := store.Client(ctx, "key")
	fmt.Println(read.Status, read.Version, err)
	// Output: active 1 <nil>
}

func ExampleStore_Transact() {
	ctx, now := context.Background(), time.Now()
	store := memory.New()

	full := errors.New("no room for another organization")
	err := store.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
		organization := storage.Organization{ID: "merchant", Status: storage.Active}
		if err := tx.CreateOrganization(ctx, organization, storage.Event{ID: storage.NewID(now), At: now}); err != nil {
			return err
		}
		return full // nothing of it stays
	})
	_, missing := store.Organization(ctx, "merchant")
	fmt.Println(errors.Is(err, full), errors.Is(missing, storage.ErrNotFound))
	// Output: true true
}
