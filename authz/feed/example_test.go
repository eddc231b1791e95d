package feed_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

func ExampleFeed_Check() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f, err := feed.New(feed.Config{Store: memory.New()})
	if err != nil {
		panic(err)
	}
	go func() { _ = f.Run(ctx) }()
	if err := f.WaitReady(ctx); err != nil {
		panic(err)
	}
	token := &feed.Ticket{Grant: storage.NewID(time.Now()), Client: "app_1", Organization: "org_1"}
	fmt.Println(f.Check(ctx, token))

	// A command of the store returned this change; it is in force before the
	// answer leaves.
	f.Apply(storage.Change{
		Kind: storage.ClientChange, ID: "app_1", Status: storage.Suspended, Version: 2, Until: time.Now().Add(time.Hour),
	})
	err = f.Check(ctx, token)
	fmt.Println(err, errors.Is(err, feed.ErrSuspended))
	// Output:
	// <nil>
	// feed: suspended true
}

func ExampleCache() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store := memory.New()
	f, err := feed.New(feed.Config{Store: store})
	if err != nil {
		panic(err)
	}
	go func() { _ = f.Run(ctx) }()
	if err := f.WaitReady(ctx); err != nil {
		panic(err)
	}
	organizations := feed.NewCache(f, storage.OrganizationChange, 1000, store.Organization,
		func(o storage.Organization) uint64 { return o.Version })
	_, err = organizations.Get(ctx, "org_1")
	fmt.Println(errors.Is(err, storage.ErrNotFound))
	if err := store.CreateOrganization(ctx, storage.Organization{ID: "org_1", Name: "Example", Status: storage.Active}, storage.Event{}); err != nil {
		panic(err)
	}
	o, err := organizations.Get(ctx, "org_1")
	fmt.Println(o.Name, err)
	// Output:
	// true
	// Example <nil>
}
