package feed

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/gatewright/gatewright/storage"
)

// Feed follows the changes of a store. Make one with [New]; it is safe for
// concurrent use.
type Feed struct {
	cfg  Config
	seed maphash.Seed

	view  atomic.Pointer[view]
	lease atomic.Pointer[instant]
	// generation counts the loads after which nothing read before counts.
	generation atomic.Uint64
	// lost is the highest revision that a poll did not reach: one of a history
	// that the store has lost.
	lost atomic.Uint64

	running atomic.Bool
	ready   chan struct{}
	once    sync.Once
	checks  chan struct{} // slots for reads by checks
	loads   chan struct{} // slots for reads by caches

	rounds sync.Mutex
	next   *round        // the round of polling that has not begun
	poke   chan struct{} // asks for it to begin now

	mu      sync.Mutex // applies changes: one writer at a time
	loading *view      // being loaded; it hears of everything applied meanwhile
	caches  map[storage.ChangeKind][]invalidator

	reloads      sync.Mutex // one full load at a time
	cancelReload atomic.Pointer[context.CancelFunc]
}

// invalidator is a cache of records.
type invalidator interface {
	invalidate(id string, version uint64)
}

// WaitReady returns when the first full load and poll have succeeded, or when
// ctx is done.
func (f *Feed) WaitReady(ctx context.Context) error {
	select {
	case <-f.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("feed: not ready: %w", ctx.Err())
	}
}

// Healthy returns nil while what is known counts, and [ErrStale] otherwise.
func (f *Feed) Healthy() error {
	if !f.fresh(f.clock()) {
		return ErrStale
	}
	return nil
}

// Revision returns the cursor: every change numbered up to it is known. Tokens
// carry it, so that another instance can tell when it lags behind their issuer.
func (f *Feed) Revision() uint64 { return f.view.Load().cursor.Load() }

// Version returns the newest known version of a record, 0 if no change of it is
// known. For [storage.MemberChange] the id is [storage.MemberKey].
func (f *Feed) Version(kind storage.ChangeKind, id string) uint64 {
	s, _ := f.view.Load().get(kind, id)
	return s.version
}

// Apply takes in changes that this instance has committed. Call it after the
// commit and before the answer, so that the instance that took a change obeys it
// at once.
func (f *Feed) Apply(changes ...storage.Change) {
	f.mu.Lock()
	news := f.apply(changes)
	f.mu.Unlock()
	f.announce(news)
}

// apply merges changes into what is known, and into what is being loaded, and
// returns those that are news. f.mu is held.
func (f *Feed) apply(changes []storage.Change) (news []storage.Change) {
	v := f.view.Load()
	for i := range changes {
		c := &changes[i]
		if f.loading != nil {
			f.loading.apply(c)
		}
		if v.apply(c) {
			news = append(news, *c)
		}
		f.invalidate(c)
	}
	return news
}

func (f *Feed) invalidate(c *storage.Change) {
	for _, cache := range f.caches[c.Kind] {
		cache.invalidate(c.ID, c.Version)
	}
}

func (f *Feed) announce(news []storage.Change) {
	if f.cfg.OnChange == nil {
		return
	}
	for _, c := range news {
		f.cfg.OnChange(c)
	}
}
