package feed

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/gatewright/gatewright/storage"
)

const (
	cacheShards   = 16
	cacheAttempts = 3
)

// Cache keeps records of one kind. An entry counts only if its version is at
// least the newest known change of that record, so that a slow read never brings
// back what was suspended meanwhile. While the feed is stale, or keeps too much
// to know everything, each Get reads the store. What is not found, and errors,
// are not kept.
//
// Values are shared: they must not be changed. A Cache is safe for concurrent
// use.
type Cache[V any] struct {
	feed    *Feed
	kind    storage.ChangeKind
	load    func(ctx context.Context, id string) (V, error)
	version func(V) uint64
	seed    maphash.Seed
	room    int // entries a shard
	shards  [cacheShards]shard[V]
}

type shard[V any] struct {
	mu      sync.RWMutex
	entries map[string]*entry[V]
	flights map[string]*flight[V]
}

type entry[V any] struct {
	value      *V
	version    uint64
	generation uint64
	at         time.Time
}

// flight is one read of the store, for everybody who waits for that record.
type flight[V any] struct {
	done    chan struct{}
	value   *V
	version uint64
	err     error
	least   uint64 // the newest change heard of meanwhile; guarded by the shard
}

// NewCache returns a cache of at most size records, whose changes are of the
// given kind. load reads a record by the id that its changes have, from the
// primary; version is that of the record, which each change raises.
func NewCache[V any](f *Feed, kind storage.ChangeKind, size int, load func(ctx context.Context, id string) (V, error), version func(V) uint64) *Cache[V] {
	c := &Cache[V]{feed: f, kind: kind, load: load, version: version, seed: f.seed, room: max(1, size/cacheShards)}

	for i := range c.shards {
		c.shards[i].entries = map[string]*entry[V]{}
		c.shards[i].flights = map[string]*flight[V]{}
	}
	f.mu.Lock()
	f.caches[kind] = append(f.caches[kind], c)
	f.mu.Unlock()
	return c
}

// Get returns a record, from the store unless what is kept of it counts. Its
// errors are those of load; [ErrStale] if the store cannot be asked in time or
// answers with what is known to be outdated.
func (c *Cache[V]) Get(ctx context.Context, id string) (none V, err error) {
	v, err := c.Shared(ctx, id)
	if err != nil {
		return none, err
	}
	return *v, nil
}

// Shared is Get without a copy: what it returns others have too.
func (c *Cache[V]) Shared(ctx context.Context, id string) (*V, error) {
	s := &c.shards[maphash.String(c.seed, id)%cacheShards]
	s.mu.RLock()
	e := s.entries[id]
	s.mu.RUnlock()
	known := c.feed.Version(c.kind, id)
	now := c.feed.clock()
	if !c.feed.complete() || !c.feed.fresh(now) {
		return c.read(ctx, id)
	}
	if e != nil && e.version >= known && e.generation == c.feed.generation.Load() && now.mono.Sub(e.at) < c.feed.cfg.ReloadEvery {
		return e.value, nil
	}
	return c.fill(ctx, s, id)
}

// complete reports whether all changes of records are known here.
func (f *Feed) complete() bool { return !f.cfg.Strict && !f.view.Load().full.Load() }

// read asks the store and keeps nothing.
func (c *Cache[V]) read(ctx context.Context, id string) (*V, error) {
	ctx, cancel := context.WithTimeout(ctx, slowTimeout)
	defer cancel()
	if err := acquire(ctx, c.feed.loads); err != nil {
		return nil, stale(err)
	}
	defer release(c.feed.loads)
	value, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return &value, nil
}

// fill reads a record once for all who wait for it, and again if it turns out to
// be older than a change that is known by then.
func (c *Cache[V]) fill(ctx context.Context, s *shard[V], id string) (*V, error) {
	for range cacheAttempts {
		s.mu.Lock()
		fl, joined := s.flights[id]
		if !joined {
			fl = &flight[V]{done: make(chan struct{})}
			s.flights[id] = fl
			// The read is not the first caller's: others wait for it too.
			go c.fly(context.WithoutCancel(ctx), s, id, fl)
		}
		s.mu.Unlock()
		select {
		case <-fl.done:
		case <-ctx.Done():
			return nil, stale(ctx.Err())
		}
		switch {
		case fl.err == nil && fl.version >= c.feed.Version(c.kind, id) && fl.version >= fl.least:
			return fl.value, nil
		case fl.err != nil && (!joined || errors.Is(fl.err, storage.ErrUnavailable)):
			return nil, fl.err
		}
		// It was outdated, or began before this call and failed: read again.
	}
	return nil, ErrStale
}

// fly reads the record and keeps it if it counts.
func (c *Cache[V]) fly(ctx context.Context, s *shard[V], id string, fl *flight[V]) {
	generation := c.feed.generation.Load()
	at := c.feed.clock().mono
	value, err := c.read(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, id)
	defer close(fl.done)
	if fl.err = err; err != nil {
		return
	}
	fl.value, fl.version = value, c.version(*value)
	if fl.version < fl.least || fl.version < c.feed.Version(c.kind, id) || generation != c.feed.generation.Load() {
		return
	}
	if _, there := s.entries[id]; !there && len(s.entries) >= c.room {
		for other := range s.entries { // any: the order of a map is random
			delete(s.entries, other)
			break
		}
	}
	s.entries[id] = &entry[V]{value: value, version: fl.version, generation: generation, at: at}
}

// invalidate hears of a change: what is kept, or on its way, from before it does
// not count, even when the change itself is forgotten one day.
func (c *Cache[V]) invalidate(id string, version uint64) {
	s := &c.shards[maphash.String(c.seed, id)%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil && e.version < version {
		delete(s.entries, id)
	}
	if fl := s.flights[id]; fl != nil {
		fl.least = max(fl.least, version)
	}
}
