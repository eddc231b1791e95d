package feed_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz/feed"
	"github.com/gatewright/gatewright/storage"
)

var errDown = errors.New("connection refused")

func TestNotReadyBeforeTheFirstLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.fail = errDown
		f, err := feed.New(feed.Config{Store: store})
		if err != nil {
			t.Fatal(err)
		}
		run(t, f)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := f.WaitReady(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitReady = %v while nothing can be read", err)
		}
		if err := f.Healthy(); !errors.Is(err, feed.ErrStale) {
			t.Errorf("Healthy = %v", err)
		}
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrStale) {
			t.Errorf("Check = %v, want ErrStale", err)
		}
		store.commit(suspended(2))
		store.with(func() { store.fail = nil })
		if err := f.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.Healthy(); err != nil {
			t.Error(err)
		}
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v, want ErrSuspended", err)
		}
	})
}

// The store dies. Within the lease what is known counts; past it nobody says yes,
// and nobody says "invalid" either, except about what is known to be final.
func TestLeaseRunsOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		f.Apply(ended(storage.ID{2}, "client"))
		dead := ticket()
		dead.Grant = storage.ID{2}
		store.with(func() { store.fail = errDown })
		began := time.Now()
		for {
			err := f.Check(t.Context(), ticket())
			age := time.Since(began)
			switch {
			case age < lease && err != nil:
				t.Fatalf("after %v: %v", age, err)
			case age >= lease && (!errors.Is(err, feed.ErrStale) || !errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, errDown)):
				t.Fatalf("after %v: %v, want ErrStale with its cause", age, err)
			}
			if err := f.Check(t.Context(), dead); !errors.Is(err, feed.ErrEnded) {
				t.Fatalf("after %v, what has ended: %v", age, err)
			}
			if age > 2*lease {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := f.Healthy(); !errors.Is(err, feed.ErrStale) {
			t.Errorf("Healthy = %v", err)
		}
		store.with(func() { store.fail = nil })
		time.Sleep(interval + time.Millisecond)
		if err := errors.Join(f.Check(t.Context(), ticket()), f.Healthy()); err != nil {
			t.Errorf("the store is back: %v", err)
		}
	})
}

// Past the lease a suspension that was lifted meanwhile must not refuse, and one
// that came must not pass: the store is asked.
func TestPastTheLeaseTheStoreDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(suspended(2))
		f := start(t, feed.Config{Store: store})
		store.with(func() { store.sinceDelay = time.Hour }) // polls hang, lookups work
		store.commit(active(3))
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Fatalf("within the lease: %v", err)
		}
		time.Sleep(lease)
		if err := f.Check(t.Context(), ticket()); err != nil {
			t.Errorf("lifted: %v", err)
		}
		store.commit(suspended(4))
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("suspended: %v", err)
		}
	})
}

// A poll that answers slowly says what was true when it began. A lease from its
// end would cover 1.7 s.
func TestLeaseBeginsWithThePoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		store.with(func() { store.sinceDelay = 800 * time.Millisecond })
		time.Sleep(interval + time.Millisecond) // a poll has read, and is on its way
		store.commit(suspended(2))
		time.Sleep(lease) // it came back 100 ms ago
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v, want ErrSuspended: what is known is %v old", err, lease)
		}
	})
}

// A process that was stopped finds out before it answers.
func TestSuspendedProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		// Stopping the process stops polling, but not the clocks.
		stopped := make(chan struct{})
		f := start(t, feed.Config{Store: store})
		store.with(func() { store.onSince = func(uint64) { <-stopped } })
		time.Sleep(interval + time.Millisecond)
		store.commit(suspended(2))
		time.Sleep(10 * time.Second)
		store.with(func() { store.onSince = nil })
		// It wakes up, and a request is faster than the next poll.
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
			t.Errorf("Check = %v, want ErrSuspended", err)
		}
		if _, lookups := store.count(); lookups != 1 {
			t.Errorf("%d reads of the store, want 1", lookups)
		}
		close(stopped)
	})
}

// The wall clock is set, or the machine slept while the monotonic clock stood
// still: what is known proves nothing until the next poll.
func TestWallClockSteps(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{
		"forward": time.Hour, "by the lease": lease, "back": -time.Hour, "back by a second": -time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var offset atomic.Int64
				store := newFakeStore()
				f := start(t, feed.Config{Store: store, Now: func() time.Time {
					return time.Now().Add(time.Duration(offset.Load())).Round(0)
				}})
				time.Sleep(interval / 2)
				if err := f.Healthy(); err != nil {
					t.Fatal(err)
				}
				offset.Store(int64(step))
				store.commit(suspended(2))
				if err := f.Healthy(); !errors.Is(err, feed.ErrStale) {
					t.Errorf("Healthy = %v right after the step", err)
				}
				if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrSuspended) {
					t.Errorf("Check = %v, want the store to be asked", err)
				}
				time.Sleep(interval)
				if err := f.Healthy(); err != nil {
					t.Errorf("after the next poll: %v", err)
				}
			})
		})
	}
}

// A clock that is set back again and again must not stretch the lease: the
// monotonic clock holds it.
func TestWallClockStandsStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		still := time.Now().Round(0)
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, Now: func() time.Time { return still }})
		store.with(func() { store.fail = errDown })
		time.Sleep(lease)
		if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrStale) {
			t.Errorf("Check = %v, want ErrStale", err)
		}
	})
}

// A store that hangs is asked by a few at a time, and everybody is answered.
func TestLookupsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store, MaxConcurrentLookups: 4})
		store.with(func() { store.sinceDelay, store.lookupDelay = time.Hour, time.Hour })
		time.Sleep(2 * lease)
		began := time.Now()
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				if err := f.Check(t.Context(), ticket()); !errors.Is(err, feed.ErrStale) {
					t.Errorf("Check = %v, want ErrStale", err)
				}
			})
		}
		wg.Wait()
		if waited := time.Since(began); waited > lease {
			t.Errorf("the last was answered after %v", waited)
		}
		if store.mostAsking > 4 {
			t.Errorf("%d asked at a time, want 4", store.mostAsking)
		}
	})
}

func TestCheckHonoursItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		f := start(t, feed.Config{Store: store})
		store.with(func() { store.sinceDelay, store.lookupDelay = time.Hour, time.Hour })
		time.Sleep(2 * lease)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := f.Check(ctx, ticket()); !errors.Is(err, feed.ErrStale) || time.Since(began) > 50*time.Millisecond {
			t.Errorf("Check = %v after %v", err, time.Since(began))
		}
	})
}

func TestRunTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, feed.Config{Store: newFakeStore()})
		if err := f.Run(t.Context()); err == nil {
			t.Error("a second Run is under way")
		}
	})
}
