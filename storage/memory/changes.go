package memory

import (
	"context"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// ChangesSince implements [storage.Changes].
func (c commands) ChangesSince(ctx context.Context, cursor uint64, now time.Time, limit int) (batch storage.ChangeBatch, err error) {
	err = c.on.read(ctx, func(s *state) error {
		batch = s.changesSince(cursor, now, atMost(limit))
		return nil
	})
	return batch, err
}

func (s *state) changesSince(cursor uint64, now time.Time, limit int) storage.ChangeBatch {
	root := s.root()
	batch := storage.ChangeBatch{Next: cursor, Head: root.head}
	from, _ := slices.BinarySearchFunc(root.stamps, cursor, func(st stamp, cursor uint64) int {
		if st.seq <= cursor {
			return -1
		}
		return 1
	})
	for _, st := range root.stamps[from:] {
		change, ok := s.changes.get(st.key)
		if !ok || change.Seq != st.seq || passed(change.Until, now) {
			continue
		}
		if len(batch.Changes) == limit {
			batch.More = true
			break
		}
		batch.Changes = append(batch.Changes, change)
		batch.Next = st.seq
	}
	for key := range s.unstamped.all() {
		if change, ok := s.changes.get(key); ok && !passed(change.Until, now) {
			batch.Changes = append(batch.Changes, change)
		}
	}
	return batch
}

// LookupChanges implements [storage.Changes].
func (c commands) LookupChanges(ctx context.Context, keys []storage.ChangeKey) (found []storage.Change, err error) {
	err = c.on.read(ctx, func(s *state) error {
		for _, key := range keys {
			if change, ok := s.changes.get(key); ok {
				found = append(found, change)
			}
		}
		return nil
	})
	return found, err
}

// Stamp implements [storage.Changes]. In a transaction it does nothing.
func (c commands) Stamp(ctx context.Context, limit int) (n int, err error) {
	err = c.on.write(ctx, func(s *state) error {
		if s.base == nil {
			n = s.stamp(atMost(limit))
		}
		return nil
	})
	return n, err
}

func (s *state) stamp(limit int) int {
	keys := make([]storage.ChangeKey, 0, min(limit, len(s.unstamped.rows)))
	for key := range s.unstamped.all() {
		if len(keys) == limit {
			break
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		s.head++
		change, _ := s.changes.get(key)
		change.Seq = s.head
		s.changes.put(key, change)
		s.unstamped.remove(key)
		s.stamps = append(s.stamps, stamp{s.head, key})
	}
	if len(s.stamps) > 64+2*len(s.changes.rows) {
		s.stamps = slices.DeleteFunc(s.stamps, func(st stamp) bool {
			change, ok := s.changes.get(st.key)
			return !ok || change.Seq != st.seq
		})
	}
	return len(keys)
}

// putChange joins a change with what is recorded, never lowering it.
func (s *state) putChange(c storage.Change) storage.Change {
	key := storage.ChangeKey{Kind: c.Kind, ID: c.ID}
	c.Seq, c.Until = 0, milli(c.Until)
	if old, ok := s.changes.get(key); ok {
		if old.Version > c.Version {
			c.Version, c.Status = old.Version, old.Status
		}
		c.Epoch = max(c.Epoch, old.Epoch)
		c.MinGeneration = max(c.MinGeneration, old.MinGeneration)
		c.Ended = c.Ended || old.Ended
		if old.Until.IsZero() || !c.Until.IsZero() && old.Until.After(c.Until) {
			c.Until = old.Until
		}
	}
	s.changes.put(key, c)
	s.unstamped.put(key, mark{})
	return c
}
