package feed_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/storage"
	"github.com/gatewright/gatewright/storage/memory"
)

// Many writers at a time, slow ones among them that commit after others with
// which they began were numbered long ago, and some that roll back. Whatever is
// committed is known one interval later, and nothing else ever is. A cursor that
// ran over what was not numbered would lose the slow ones.
func TestSlowTransactionsAndRollbacks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: time.Hour})
		random := rand.New(rand.NewPCG(1, 2))
		var wg sync.WaitGroup
		for w := range 32 {
			work := make([]time.Duration, 40)
			for i := range work {
				work[i] = time.Duration(random.IntN(50)) * time.Millisecond
				if random.IntN(8) == 0 {
					work[i] = time.Duration(random.IntN(3000)) * time.Millisecond
				}
			}
			wg.Go(func() {
				for i, d := range work {
					tk := ticket()
					tk.Grant = storage.ID{1, byte(w), byte(i)}
					time.Sleep(d) // the transaction
					if (w+i)%7 == 0 {
						time.Sleep(interval + time.Millisecond)
						if err := f.Check(t.Context(), tk); err != nil {
							t.Errorf("rolled back, and known: %v", err)
						}
						continue
					}
					store.commit(ended(tk.Grant, "client"))
					time.Sleep(interval + time.Millisecond)
					if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrEnded) {
						t.Errorf("writer %d, change %d was missed: %v", w, i, err)
					}
				}
			})
		}
		wg.Wait()
		time.Sleep(2 * interval)
		_, head := store.snapshot()
		if f.Revision() != head || head == 0 {
			t.Errorf("the cursor is at %d of %d", f.Revision(), head)
		}
		if _, lookups := store.count(); lookups != 0 {
			t.Errorf("%d reads of the store: the test is void", lookups)
		}
	})
}

// The same with a store of ours, through its own commands.
func TestFollowsMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, store := t.Context(), memory.New()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(store.CreateOrganization(ctx, storage.Organization{ID: "org", Status: storage.Active}, storage.Event{}))
		must(store.CreateClient(ctx, storage.Client{ID: "client", Organization: "org", Environment: "test", Status: storage.Active}, storage.Event{}))
		f := start(t, feed.Config{Store: store})
		cache := feed.NewCache(f, storage.ClientChange, 100, store.Client, func(c storage.Client) uint64 { return c.Version })
		tk := &feed.Ticket{Grant: grant, Client: "client", Organization: "org"}
		set := func(s storage.Status) {
			t.Helper()
			c, err := store.Client(ctx, "client")
			must(err)
			c.Status = s
			_, err = store.UpdateClient(ctx, c, storage.Quorum{}, soon(), storage.Event{})
			must(err)
			time.Sleep(interval + time.Millisecond)
			if got, err := cache.Get(ctx, "client"); err != nil || got.Status != s {
				t.Errorf("the cache has %v, %v, want %v", got.Status, err, s)
			}
		}
		for range 3 {
			set(storage.Suspended)
			if err := f.Check(ctx, tk); !errors.Is(err, feed.ErrSuspended) {
				t.Errorf("Check = %v, want ErrSuspended", err)
			}
			set(storage.Active)
			if err := f.Check(ctx, tk); err != nil {
				t.Errorf("Check = %v after it was resumed", err)
			}
		}
		// A transaction that is undone is never heard of.
		undone := errors.New("undone")
		err := store.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
			c, err := tx.Client(ctx, "client")
			must(err)
			c.Status = storage.Revoked
			_, err = tx.UpdateClient(ctx, c, storage.Quorum{}, soon(), storage.Event{})
			must(err)
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		time.Sleep(2 * interval)
		if err := f.Check(ctx, tk); err != nil {
			t.Errorf("Check = %v after a rollback", err)
		}
		set(storage.Revoked)
		if err := f.Check(ctx, tk); !errors.Is(err, feed.ErrRevoked) {
			t.Errorf("Check = %v, want ErrRevoked", err)
		}
	})
}

// More changes than a page has come with one poll, and with one load.
func TestPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		many := func(from int) {
			for i := range 10_000 {
				id := storage.ID{2, byte(from), byte(i >> 8), byte(i)}
				store.commit(ended(id, "client"))
			}
			for n := 1; n > 0; {
				n, _ = store.Stamp(t.Context(), 4096)
			}
		}
		many(1)
		f := start(t, feed.Config{Store: store})
		if f.Size() != 10_000 || f.Revision() != 10_000 {
			t.Fatalf("loaded %d, cursor %d", f.Size(), f.Revision())
		}
		many(2)
		time.Sleep(interval + time.Millisecond)
		if f.Size() != 20_000 || f.Revision() != 20_000 {
			t.Fatalf("polled %d, cursor %d", f.Size(), f.Revision())
		}
	})
}

// A standby that had not heard of the last changes takes over: numbers go back.
// What was known of the lost history is dropped, and the numbers that are given
// again are not passed over.
func TestFailoverRewinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(active(1))
		f := start(t, feed.Config{Store: store, ReloadEvery: time.Hour})
		time.Sleep(2 * interval)
		standby, head := store.snapshot()
		for i := range 10 {
			store.commit(ended(storage.ID{3, byte(i)}, "client"))
		}
		store.commit(suspended(2))
		time.Sleep(3 * interval)
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Fatal(err)
		}
		if f.Revision() <= head {
			t.Fatal("the test is void: the cursor is not ahead")
		}
		time.Sleep(interval / 2) // between two polls, so that exactly one follows
		store.restore(standby, head)
		store.commit(ended(grant, "client"))
		time.Sleep(interval) // it was noticed, and not loaded anew yet
		if err := f.Healthy(); !errors.Is(err, feed.ErrStale) {
			t.Errorf("Healthy = %v while another history is known", err)
		}
		time.Sleep(2 * interval)
		other := ticket()
		other.Grant = storage.ID{9}
		if err := f.Check(t.Context(), other); err != nil {
			t.Errorf("suspended in the lost history: %v", err)
		}
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrEnded) {
			t.Errorf("ended under a number that was given before: %v", err)
		}
		if f.Revision() > head+1 {
			t.Errorf("the cursor stays at %d", f.Revision())
		}
	})
}

// The numbers overtake the cursor again before anybody looks: only that the
// connection was lost tells.
func TestReconnectLoadsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: time.Hour})
		standby, head := store.snapshot()
		store.commit(ended(storage.ID{3}, "client"))
		time.Sleep(2 * interval)
		cursor := f.Revision()
		store.with(func() { store.fail = errDown })
		time.Sleep(2 * interval)
		store.restore(standby, head)
		store.with(func() { store.fail = nil })
		store.commit(ended(grant, "client"))
		_, _ = store.Stamp(t.Context(), 10) // the number that was lost
		store.commit(ended(storage.ID{4}, "client"))
		_, _ = store.Stamp(t.Context(), 10)
		if _, now := store.snapshot(); now < cursor {
			t.Fatal("the test is void: the head is behind")
		}
		time.Sleep(interval + time.Millisecond)
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrEnded) {
			t.Errorf("Check = %v, want ErrEnded", err)
		}
	})
}

// Not even that is noticed: the full load finds it.
func TestPeriodicLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: 10 * time.Second})
		store.commit(ended(storage.ID{3}, "client"))
		time.Sleep(3 * interval)
		hidden := ended(grant, "client")
		hidden.Seq = f.Revision() // behind the cursor, as if numbers were given twice
		store.with(func() { store.rows[storage.ChangeKey{Kind: hidden.Kind, ID: hidden.ID}] = hidden })
		time.Sleep(3 * interval)
		if err := f.Check(t.Context(), ticket()); err != nil {
			t.Fatal("the test is void: it was found by a poll")
		}
		time.Sleep(10 * time.Second)
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrEnded) {
			t.Errorf("Check = %v, want ErrEnded", err)
		}
		if _, lookups := store.count(); lookups != 0 {
			t.Errorf("%d reads of the store: the lease did not hold during the load", lookups)
		}
	})
}

// A change that is committed, here or elsewhere, while a full load is on its way
// must not be lost when the load is put in place.
func TestChangesDuringALoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: 10 * time.Second})
		time.Sleep(2 * interval)
		store.commit(ended(storage.ID{3}, "client"))
		time.Sleep(3 * interval) // the cursor is above 0: a read from 0 is a load
		loading, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		store.with(func() {
			store.onSince = func(cursor uint64) {
				if cursor == 0 {
					once.Do(func() { close(loading); <-release })
				}
			}
		})
		<-loading
		f.Apply(suspended(2)) // ours
		theirs := ended(grant, "client")
		store.commit(theirs)
		time.Sleep(2 * interval) // polled and numbered
		if err := f.Healthy(); err != nil {
			t.Errorf("the load holds the polls up: %v", err)
		}
		close(release)
		time.Sleep(interval / 2)
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrEnded) {
			t.Errorf("theirs: %v", err)
		}
		other := ticket()
		other.Grant = storage.ID{9}
		if err := f.Check(t.Context(), other); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("ours: %v", err)
		}
	})
}

func TestForgetsWhatIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: 10 * time.Second})
		for i := range 100 {
			c := ended(storage.ID{3, byte(i)}, "client")
			c.Until = time.Now().Add(time.Minute)
			store.commit(c)
		}
		forever := storage.Change{Kind: storage.KeyChange, ID: "1", Version: 2}
		store.commit(forever)
		time.Sleep(50 * time.Second)
		if f.Size() != 101 {
			t.Errorf("%d entries before they are over", f.Size())
		}
		time.Sleep(30 * time.Second)
		if f.Size() != 1 || f.Version(storage.KeyChange, "1") != 2 {
			t.Errorf("%d entries after they are over", f.Size())
		}
	})
}

func TestStamps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		for i := range 5000 {
			store.commit(ended(storage.ID{3, byte(i >> 8), byte(i)}, "client"))
		}
		time.Sleep(2 * interval)
		if _, head := store.snapshot(); head != 5000 {
			t.Errorf("%d of 5000 changes are numbered after one round", head)
		}
		time.Sleep(interval)
		if f.Revision() != 5000 {
			t.Errorf("the cursor is at %d", f.Revision())
		}
	})
}

// A store that promises more and gives nothing must not be asked for ever.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &endlessStore{fakeStore: newFakeStore()}
		f, err := feed.New(feed.Config{Store: store})
		if err != nil {
			t.Fatal(err)
		}
		run(t, f)
		time.Sleep(10 * interval)
		if err := f.Healthy(); !errors.Is(err, feed.ErrStale) {
			t.Errorf("Healthy = %v", err)
		}
		if polls, _ := store.count(); polls > 20 {
			t.Errorf("%d polls", polls)
		}
	})
}

type endlessStore struct{ *fakeStore }

func (s *endlessStore) ChangesSince(ctx context.Context, cursor uint64, now time.Time, limit int) (storage.ChangeBatch, error) {
	b, err := s.fakeStore.ChangesSince(ctx, cursor, now, limit)
	b.More = true
	return b, err
}

func TestOnChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		var mu sync.Mutex
		heard := map[storage.ChangeKey]int{}
		of := func(kind storage.ChangeKind, id string) int {
			mu.Lock()
			defer mu.Unlock()
			return heard[storage.ChangeKey{Kind: kind, ID: id}]
		}
		for i := range 10 {
			store.commit(ended(storage.ID{3, byte(i)}, "client"))
		}
		store.commit(storage.Change{Kind: storage.KeyChange, ID: "1", Version: 1})
		f := start(t, feed.Config{Store: store, ReloadEvery: 5 * time.Second, OnChange: func(c storage.Change) {
			mu.Lock()
			defer mu.Unlock()
			heard[storage.ChangeKey{Kind: c.Kind, ID: c.ID}]++
		}})
		if of(storage.KeyChange, "1") != 1 || len(heard) != 1 {
			t.Errorf("at the start: %v", heard)
		}
		store.commit(storage.Change{Kind: storage.KeyChange, ID: "1", Version: 2})
		time.Sleep(30 * time.Second) // polls, numbering, full loads: all see it again
		if n := of(storage.KeyChange, "1"); n != 2 {
			t.Errorf("heard %d times of a key, want 2", n)
		}
		f.Apply(storage.Change{Kind: storage.RulesChange, ID: "org", Version: 3})
		f.Apply(storage.Change{Kind: storage.RulesChange, ID: "org", Version: 3})
		if n := of(storage.RulesChange, "org"); n != 1 {
			t.Errorf("heard %d times of rules, want 1", n)
		}
		// After a gap, what was heard before the gap proves nothing.
		store.with(func() { store.fail = errDown })
		time.Sleep(2 * interval)
		store.with(func() { store.fail = nil })
		time.Sleep(2 * interval)
		if n := of(storage.KeyChange, "1"); n != 3 {
			t.Errorf("heard %d times of a key after a gap, want 3", n)
		}
	})
}

// Changes of all kinds from many goroutines beside checks; for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	store := memory.New()
	f, err := feed.New(feed.Config{Store: store, Interval: time.Millisecond, Lease: time.Second, ReloadEvery: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	run(t, f)
	if err := f.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				id := storage.ID{byte(g), byte(i >> 8), byte(i)}
				f.Apply(ended(id, "client"+strconv.Itoa(g)))
				tk := ticket()
				tk.Grant = id
				// A full load forgets what is not in the store; only how it is
				// refused is certain.
				if err := f.Check(t.Context(), tk); err != nil && !errors.Is(err, feed.ErrEnded) {
					t.Errorf("Check = %v", err)
				}
			}
		})
	}
	wg.Wait()
}
