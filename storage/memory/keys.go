package memory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// PutKey implements [storage.Keys].
func (c commands) PutKey(ctx context.Context, k storage.Key, e storage.Event) (change storage.Change, err error) {
	if k.ID == 0 {
		return change, errors.New("memory: a key needs a positive id")
	}
	k = keepKey(k)
	err = c.on.write(ctx, func(s *state) error {
		if s.keys.has(k.ID) {
			return storage.ErrExists
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		change = s.putKey(k)
		s.putEvent(e)
		return nil
	})
	return change, err
}

// ListKeys implements [storage.Keys].
func (c commands) ListKeys(ctx context.Context) (list []storage.Key, err error) {
	err = c.on.read(ctx, func(s *state) error {
		for _, k := range s.keys.all() {
			list = append(list, copyKey(k))
		}
		return nil
	})
	slices.SortFunc(list, func(a, b storage.Key) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}

// SetKeyState implements [storage.Keys].
func (c commands) SetKeyState(ctx context.Context, id uint32, from, to storage.KeyState, at time.Time, e storage.Event) (change storage.Change, err error) {
	if to <= from || to > storage.Retired {
		return change, errors.New("memory: a key only moves forward, up to retired")
	}
	err = c.on.write(ctx, func(s *state) error {
		k, ok := s.keys.get(id)
		switch {
		case !ok:
			return storage.ErrNotFound
		case k.State != from:
			return storage.ErrConflict
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		k.State, k.StateAt = to, milli(at)
		change = s.putKey(k)
		s.putEvent(e)
		return nil
	})
	return change, err
}

// RewrapKey implements [storage.Keys].
func (c commands) RewrapKey(ctx context.Context, id uint32, fromRoot, toRoot string, wrapped []byte, e storage.Event) error {
	wrapped = slices.Clone(wrapped)
	return c.on.write(ctx, func(s *state) error {
		k, ok := s.keys.get(id)
		switch {
		case !ok:
			return storage.ErrNotFound
		case k.Root != fromRoot:
			return storage.ErrConflict
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		k.Root, k.Wrapped = toRoot, wrapped
		s.keys.put(id, k)
		s.putEvent(e)
		return nil
	})
}

func (s *state) putKey(k storage.Key) storage.Change {
	s.keys.put(k.ID, k)
	return s.putChange(storage.Change{
		Kind: storage.KeyChange, ID: strconv.FormatUint(uint64(k.ID), 10), Version: uint64(k.State),
	})
}
