package feed_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/storage"
)

// record is what the caches of these tests keep.
type record struct {
	id      string
	status  storage.Status
	version uint64
}

// records is a store of records whose reads can be slow: they answer with what
// was there when they began.
type records struct {
	mu    sync.Mutex
	rows  map[string]record
	delay time.Duration
	fail  error
	loads map[string]int
}

func newRecords(rows ...record) *records {
	r := &records{rows: map[string]record{}, loads: map[string]int{}}
	for _, row := range rows {
		r.rows[row.id] = row
	}
	return r
}

func (r *records) with(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

func (r *records) put(row record) { r.with(func() { r.rows[row.id] = row }) }

func (r *records) count(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loads[id]
}

func (r *records) load(ctx context.Context, id string) (record, error) {
	r.mu.Lock()
	r.loads[id]++
	row, there := r.rows[id]
	delay, fail := r.delay, r.fail
	r.mu.Unlock()
	if err := sleep(ctx, delay); err != nil {
		return record{}, fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	switch {
	case fail != nil:
		return record{}, fail
	case !there:
		return record{}, storage.ErrNotFound
	}
	return row, nil
}

func (r *records) cache(f *feed.Feed, size int) *feed.Cache[record] {
	return feed.NewCache(f, storage.ClientChange, size, r.load, func(v record) uint64 { return v.version })
}

func TestCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: time.Minute})
		rows := newRecords(record{"client", storage.Active, 1}, record{"other", storage.Active, 1})
		c := rows.cache(f, 100)
		get := func(want record) {
			t.Helper()
			if got, err := c.Get(t.Context(), want.id); err != nil || got != want {
				t.Fatalf("Get = %+v, %v, want %+v", got, err, want)
			}
		}
		for range 5 {
			get(record{"client", storage.Active, 1})
			get(record{"other", storage.Active, 1})
		}
		if rows.count("client") != 1 || rows.count("other") != 1 {
			t.Errorf("%d loads", rows.count("client"))
		}
		rows.put(record{"client", storage.Suspended, 2})
		store.commit(suspended(2))
		time.Sleep(interval + time.Millisecond)
		for range 5 {
			get(record{"client", storage.Suspended, 2})
			get(record{"other", storage.Active, 1})
		}
		if rows.count("client") != 2 || rows.count("other") != 1 {
			t.Errorf("%d loads of what changed, %d of what did not", rows.count("client"), rows.count("other"))
		}
		rows.put(record{"client", storage.Active, 3})
		f.Apply(active(3))
		get(record{"client", storage.Active, 3})
		time.Sleep(2 * time.Minute) // nothing is kept for ever
		get(record{"client", storage.Active, 3})
		if rows.count("client") != 4 {
			t.Errorf("%d loads", rows.count("client"))
		}
	})
}

// A read that began before a suspension and comes back after it must not bring
// the client back: neither for those who wait for it, nor from the cache, nor
// after the suspension itself was forgotten.
func TestSlowReadDoesNotBringASuspendedClientBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: time.Hour})
		rows := newRecords(record{"client", storage.Active, 1})
		rows.delay = 500 * time.Millisecond
		c := rows.cache(f, 100)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				got, err := c.Get(t.Context(), "client")
				if err != nil || got.status != storage.Suspended {
					t.Errorf("Get = %+v, %v, want it suspended", got, err)
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		rows.put(record{"client", storage.Suspended, 2})
		f.Apply(suspended(2))
		wg.Wait()
		if n := rows.count("client"); n != 2 {
			t.Errorf("%d loads, want the slow one and one more", n)
		}
		if got, err := c.Get(t.Context(), "client"); err != nil || got.status != storage.Suspended {
			t.Errorf("kept: %+v, %v", got, err)
		}
	})
}

func TestSlowReadAfterTheChangeIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: time.Second})
		rows := newRecords(record{"client", storage.Active, 1})
		rows.delay = 4 * time.Second
		c := rows.cache(f, 100)
		done := make(chan record)
		go func() {
			got, _ := c.Get(t.Context(), "client")
			done <- got
		}()
		time.Sleep(100 * time.Millisecond)
		rows.put(record{"client", storage.Suspended, 2})
		change := suspended(2)
		change.Until = time.Now().Add(time.Second)
		store.commit(change)
		time.Sleep(3 * time.Second)
		if f.Version(storage.ClientChange, "client") != 0 {
			t.Fatal("the test is void: the change is still known")
		}
		if got := <-done; got.status != storage.Suspended {
			t.Errorf("Get = %+v", got)
		}
	})
}

// A cached record of a history that a failover lost must go.
func TestCacheAfterFailover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, ReloadEvery: time.Hour})
		rows := newRecords(record{"client", storage.Active, 5})
		c := rows.cache(f, 100)
		if _, err := c.Get(t.Context(), "client"); err != nil {
			t.Fatal(err)
		}
		store.with(func() { store.fail = errDown })
		time.Sleep(interval + time.Millisecond)
		rows.put(record{"client", storage.Suspended, 4}) // the standby's
		store.with(func() { store.fail = nil })
		time.Sleep(interval + time.Millisecond)
		if got, err := c.Get(t.Context(), "client"); err != nil || got.status != storage.Suspended {
			t.Errorf("Get = %+v, %v", got, err)
		}
	})
}

func TestCacheReadsThroughPastTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		rows := newRecords(record{"client", storage.Active, 1})
		c := rows.cache(f, 100)
		if _, err := c.Get(t.Context(), "client"); err != nil {
			t.Fatal(err)
		}
		store.with(func() { store.fail = errDown })
		rows.put(record{"client", storage.Suspended, 2})
		if got, err := c.Get(t.Context(), "client"); err != nil || got.status != storage.Active {
			t.Fatalf("within the lease: %+v, %v", got, err)
		}
		time.Sleep(lease)
		for range 3 {
			if got, err := c.Get(t.Context(), "client"); err != nil || got.status != storage.Suspended {
				t.Fatalf("past the lease: %+v, %v", got, err)
			}
		}
		if rows.count("client") != 4 {
			t.Errorf("%d loads, want 4", rows.count("client"))
		}
		rows.with(func() { rows.fail = storage.ErrUnavailable })
		if _, err := c.Get(t.Context(), "client"); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("Get = %v", err)
		}
	})
}

func TestCacheStrict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore(), Strict: true})
		rows := newRecords(record{"client", storage.Active, 1})
		c := rows.cache(f, 100)
		for range 3 {
			if _, err := c.Get(t.Context(), "client"); err != nil {
				t.Fatal(err)
			}
		}
		if rows.count("client") != 3 {
			t.Errorf("%d loads, want 3", rows.count("client"))
		}
	})
}

// A store that answers with less than what is known cannot be relied on.
func TestCacheOfAnOutdatedStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		rows := newRecords(record{"client", storage.Active, 1})
		c := rows.cache(f, 100)
		f.Apply(suspended(2))
		if got, err := c.Get(t.Context(), "client"); !errors.Is(err, feed.ErrStale) {
			t.Errorf("Get = %+v, %v, want ErrStale", got, err)
		}
		if n := rows.count("client"); n > 3 {
			t.Errorf("%d loads", n)
		}
	})
}

func TestCacheErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		rows := newRecords()
		c := rows.cache(f, 100)
		for range 3 {
			if _, err := c.Get(t.Context(), "client"); !errors.Is(err, storage.ErrNotFound) {
				t.Fatalf("Get = %v", err)
			}
		}
		if rows.count("client") != 3 {
			t.Errorf("%d loads, want 3", rows.count("client"))
		}
		rows.with(func() { rows.fail = storage.ErrUnavailable })
		if _, err := c.Get(t.Context(), "client"); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("Get = %v", err)
		}
		rows.with(func() { rows.fail = nil })
		rows.put(record{"client", storage.Active, 1})
		if got, err := c.Get(t.Context(), "client"); err != nil || got.version != 1 {
			t.Errorf("Get = %+v, %v", got, err)
		}
	})
}

// Who asks after a client was made must not share the answer of who asked before.
func TestCacheJoinedNotFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		rows := newRecords()
		rows.delay = 50 * time.Millisecond
		c := rows.cache(f, 100)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Get(t.Context(), "client"); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("before: %v", err)
			}
		})
		time.Sleep(10 * time.Millisecond)
		rows.put(record{"client", storage.Active, 1})
		if got, err := c.Get(t.Context(), "client"); err != nil || got.version != 1 {
			t.Errorf("after: %+v, %v", got, err)
		}
		wg.Wait()
	})
}

// The first caller goes away; the others still get their answer.
func TestCacheCallerGoesAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		rows := newRecords(record{"client", storage.Active, 1})
		rows.delay = 300 * time.Millisecond
		c := rows.cache(f, 100)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Get(ctx, "client"); !errors.Is(err, feed.ErrStale) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the first: %v", err)
			}
		})
		time.Sleep(10 * time.Millisecond)
		if got, err := c.Get(t.Context(), "client"); err != nil || got.version != 1 {
			t.Errorf("the second: %+v, %v", got, err)
		}
		wg.Wait()
		if rows.count("client") != 1 {
			t.Errorf("%d loads, want 1", rows.count("client"))
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		rows := newRecords()
		for i := range 2000 {
			id := fmt.Sprint(i)
			rows.put(record{id, storage.Active, 1})
		}
		c := rows.cache(f, 160)
		for i := range 2000 {
			if _, err := c.Get(t.Context(), fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := c.Len(); n != 160 {
			t.Errorf("%d entries, want 160", n)
		}
	})
}

func TestCacheLoadsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore(), MaxConcurrentLookups: 4})
		var mu sync.Mutex
		now, most := 0, 0
		c := feed.NewCache(f, storage.ClientChange, 100, func(ctx context.Context, id string) (record, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return record{}, storage.ErrNotFound
		}, func(r record) uint64 { return r.version })
		var wg sync.WaitGroup
		for i := range 100 { // guessed ids
			wg.Go(func() {
				if _, err := c.Get(t.Context(), fmt.Sprint(i)); !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("Get = %v", err)
				}
			})
		}
		wg.Wait()
		if most > 4 {
			t.Errorf("%d loads at a time, want 4", most)
		}
	})
}
