package memory

import (
	"context"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// sweepStep is how many rows are removed while others wait.
const sweepStep = 256

// Sweep implements [storage.Sweeper]. It looks at every row of the kinds that
// expire, and lets other commands in between its steps.
func (c commands) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	limit = atMost(limit)
	n, err := sweep(ctx, c.on, limit,
		func(s *state) *table[artifactKey, storage.Artifact] { return &s.artifacts },
		func(a storage.Artifact) bool { return passed(a.ExpiresAt, now) }, nil)
	if err != nil {
		return n, err
	}
	m, err := sweep(ctx, c.on, limit,
		func(s *state) *table[claimKey, time.Time] { return &s.claims },
		func(until time.Time) bool { return passed(until, now) }, nil)
	n += m
	if err != nil {
		return n, err
	}
	// An ended grant stays until it expires: it may stand for a virtual one,
	// whose first refresh token would work again without it.
	m, err = sweep(ctx, c.on, limit,
		func(s *state) *table[storage.ID, storage.Grant] { return &s.grants },
		func(g storage.Grant) bool { return passed(g.ExpiresAt, now) }, nil)
	n += m
	if err != nil {
		return n, err
	}
	m, err = sweep(ctx, c.on, limit,
		func(s *state) *table[storage.ChangeKey, storage.Change] { return &s.changes },
		func(c storage.Change) bool { return passed(c.Until, now) },
		func(s *state, key storage.ChangeKey) { s.unstamped.remove(key) })
	return n + m, err
}

// sweep removes at most limit rows of one table that are over.
func sweep[K comparable, V any](ctx context.Context, on runner, limit int, of func(*state) *table[K, V], over func(V) bool, removed func(*state, K)) (n int, err error) {
	var keys []K
	err = on.read(ctx, func(s *state) error {
		for k, v := range of(s).all() {
			if len(keys) == limit {
				break
			}
			if over(v) {
				keys = append(keys, k)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for step := range slices.Chunk(keys, sweepStep) {
		err = on.write(ctx, func(s *state) error {
			for _, k := range step {
				if v, ok := of(s).get(k); !ok || !over(v) {
					continue // another was faster, or it has been renewed
				}
				of(s).remove(k)
				if removed != nil {
					removed(s, k)
				}
				n++
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
