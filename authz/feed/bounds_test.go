package feed_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/storage"
)

// One client floods the feed with ended grants. Its tokens are checked against
// the store from then on, and nobody else's; nothing is forgotten.
func TestFloodOfOneClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, MaxEntries: 1000, MaxPerClient: 10, ReloadEvery: 10 * time.Second})
		tickets := make([]*feed.Ticket, 50)
		for i := range tickets {
			tickets[i] = &feed.Ticket{Grant: storage.ID{3, byte(i)}, Client: "noisy", Organization: "org"}
			c := ended(tickets[i].Grant, "noisy")
			c.Until = time.Now().Add(time.Minute)
			store.commit(c)
		}
		store.commit(ended(grant, "client"))
		flooded := func() {
			t.Helper()
			if f.Size() > 11 {
				t.Errorf("%d entries are kept", f.Size())
			}
			for i, tk := range tickets {
				if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrEnded) {
					t.Fatalf("grant %d of the flood: %v", i, err)
				}
			}
			live := &feed.Ticket{Grant: storage.ID{7}, Client: "noisy"}
			if err := f.Check(t.Context(), live); err != nil {
				t.Errorf("a live token of the noisy client: %v", err)
			}
			_, before := store.count()
			if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrEnded) {
				t.Errorf("another client's ended token: %v", err)
			}
			other := ticket()
			other.Grant = storage.ID{8}
			if err := f.Check(t.Context(), other); err != nil {
				t.Errorf("another client's live token: %v", err)
			}
			if _, after := store.count(); after != before {
				t.Errorf("another client's tokens cost %d reads", after-before)
			}
		}
		time.Sleep(2 * interval)
		flooded()
		time.Sleep(20 * time.Second) // after full loads
		flooded()
		store.with(func() { store.fail = errDown })
		if err := f.Check(t.Context(), &feed.Ticket{Grant: storage.ID{7}, Client: "noisy"}); !errors.Is(err, feed.ErrStale) {
			t.Errorf("the store is away: %v, want ErrStale for the noisy client", err)
		}
		if err := f.Check(t.Context(), &feed.Ticket{Grant: storage.ID{7}, Client: "quiet"}); err != nil {
			t.Errorf("the store is away: %v for the quiet client", err)
		}
		store.with(func() { store.fail = nil })

		time.Sleep(time.Minute) // the flood is over and forgotten
		_, before := store.count()
		if err := f.Check(t.Context(), &feed.Ticket{Grant: storage.ID{7}, Client: "noisy"}); err != nil {
			t.Error(err)
		}
		if _, after := store.count(); after != before {
			t.Error("the client is still checked against the store")
		}
	})
}

// Everything together is too much: everybody is checked against the store, also
// about clients, and caches read through.
func TestFloodOfAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, MaxEntries: 100, MaxPerClient: 50, ReloadEvery: 10 * time.Second})
		loads := 0
		cache := feed.NewCache(f, storage.ClientChange, 10, func(context.Context, string) (uint64, error) { loads++; return 1, nil },
			func(v uint64) uint64 { return v })
		for i := range 150 {
			c := ended(storage.ID{3, byte(i)}, string(rune('a'+i%26)))
			c.Until = time.Now().Add(time.Minute)
			store.commit(c)
		}
		time.Sleep(2 * interval)
		store.commit(suspended(2)) // finds no room
		time.Sleep(2 * interval)
		if f.Size() > 100 {
			t.Errorf("%d entries are kept", f.Size())
		}
		for i := range 150 {
			tk := &feed.Ticket{Grant: storage.ID{3, byte(i)}, Client: string(rune('a' + i%26))}
			if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrEnded) {
				t.Fatalf("grant %d of the flood: %v", i, err)
			}
		}
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v, want ErrSuspended", err)
		}
		for range 3 {
			if _, err := cache.Get(t.Context(), "client"); err != nil {
				t.Error(err)
			}
		}
		if loads != 3 {
			t.Errorf("%d loads of a record whose changes find no room, want each of 3", loads)
		}
		time.Sleep(80 * time.Second) // over and forgotten
		_, before := store.count()
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v, want ErrSuspended", err)
		}
		if _, after := store.count(); after != before {
			t.Error("everything is still checked against the store")
		}
	})
}

// Clients, organizations and members count too.
func TestFloodOfClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, MaxEntries: 10})
		for i := range 20 {
			store.commit(storage.Change{Kind: storage.ClientChange, ID: string(rune('a' + i)), Status: storage.Suspended, Version: 2, Until: soon()})
		}
		time.Sleep(2 * interval)
		if f.Size() > 10 {
			t.Errorf("%d entries are kept", f.Size())
		}
		for i := range 20 {
			tk := &feed.Ticket{Grant: grant, Client: string(rune('a' + i))}
			if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrSuspended) {
				t.Errorf("client %d: %v", i, err)
			}
		}
	})
}

// A rotation a second, for hours: one entry, not one each.
func TestOneEntryAGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, MaxPerClient: 10})
		for i := range uint32(1000) {
			store.commit(storage.Change{Kind: storage.GrantChange, ID: string(grant[:]), Client: "client", MinGeneration: i, Until: soon()})
			time.Sleep(time.Second)
		}
		if f.Size() != 1 {
			t.Errorf("%d entries", f.Size())
		}
		tk := ticket()
		tk.Generation = 998
		if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrSuperseded) {
			t.Errorf("Check = %v", err)
		}
		tk.Generation = 999
		if err := f.Check(t.Context(), tk); err != nil {
			t.Errorf("Check = %v", err)
		}
	})
}
