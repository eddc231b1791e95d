package feed_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
)

// A token of an instance that is ahead: what its issuer knew is read first, or a
// client that was just resumed would be refused with its new token.
func TestRevisionAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(suspended(2))
		f := start(t, feed.Config{Store: store})
		time.Sleep(2*interval + time.Millisecond) // numbered and polled, the next poll is far
		store.commit(active(3))
		_, _ = store.Stamp(t.Context(), 10)
		tk := ticket()
		if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrSuspended) {
			t.Fatalf("the test is void: %v", err)
		}
		_, tk.Revision = store.snapshot()
		before, _ := store.count()
		began := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := f.Check(t.Context(), tk); err != nil {
					t.Errorf("Check = %v", err)
				}
			})
		}
		wg.Wait()
		polls, lookups := store.count()
		if time.Since(began) != 0 || polls-before > 2 || lookups != 0 {
			t.Errorf("100 tokens ahead cost %v, %d polls, %d reads", time.Since(began), polls-before, lookups)
		}
	})
}

// A revision of a history that the store has lost is polled for once, not at
// each request.
func TestLostRevision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		tk := ticket()
		tk.Revision = 1_000_000
		before, _ := store.count()
		for range 1000 {
			if err := f.Check(t.Context(), tk); err != nil {
				t.Fatal(err)
			}
		}
		if polls, lookups := store.count(); polls-before > 1 || lookups != 0 {
			t.Errorf("%d polls, %d reads", polls-before, lookups)
		}
		f.Apply(suspended(2))
		if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v", err)
		}
	})
}

func TestRevisionAheadOfADeadStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		time.Sleep(time.Millisecond)
		store.with(func() { store.fail = errDown })
		tk := ticket()
		tk.Revision = 1
		if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrStale) {
			t.Errorf("refused: Check = %v, want ErrStale", err)
		}
		store.with(func() { store.sinceDelay, store.lookupDelay = time.Hour, time.Hour })
		tk.Revision = 2
		began := time.Now()
		if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrStale) || time.Since(began) > 2*lease {
			t.Errorf("hanging: Check = %v after %v", err, time.Since(began))
		}
	})
}

// Nothing follows the store: it is asked.
func TestRevisionAheadWithoutRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(suspended(2))
		f, err := feed.New(feed.Config{Store: store})
		if err != nil {
			t.Fatal(err)
		}
		tk := ticket()
		tk.Revision = 1
		if err := f.Check(t.Context(), tk); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v", err)
		}
	})
}
