package memory

import (
	"bytes"
	"context"
	"slices"

	"github.com/gatewright/gatewright/storage"
)

// AppendEvents implements [storage.Audit]. If one of the ids is taken, it
// stores none and returns [storage.ErrExists].
func (c commands) AppendEvents(ctx context.Context, events []storage.Event) error {
	return c.on.write(ctx, func(s *state) error {
		if err := s.checkEvents(events...); err != nil {
			return err
		}
		for _, e := range events {
			s.putEvent(e)
		}
		return nil
	})
}

// Events implements [storage.Audit].
func (c commands) Events(ctx context.Context, f storage.EventFilter) (list []storage.Event, err error) {
	f.From, f.To = milli(f.From), milli(f.To)
	limit := atMost(f.Limit)
	err = c.on.read(ctx, func(s *state) error {
		if f.Sealed {
			for _, id := range s.root().chain[min(f.AfterSeq, uint64(len(s.root().chain))):] {
				if e, ok := s.events.get(id); ok && chosen(&e, &f) && len(list) < limit {
					list = append(list, copyEvent(e))
				}
			}
			return nil
		}
		for _, e := range s.events.all() {
			if chosen(&e, &f) {
				list = append(list, e)
			}
		}
		slices.SortFunc(list, func(a, b storage.Event) int { return compareIDs(a.ID, b.ID) })
		list = slices.Clip(list[:min(len(list), limit)])
		for i := range list {
			list[i] = copyEvent(list[i])
		}
		return nil
	})
	return list, err
}

func compareIDs(a, b storage.ID) int { return bytes.Compare(a[:], b[:]) }

func chosen(e *storage.Event, f *storage.EventFilter) bool {
	return (f.Organization == "" || f.Organization == e.Organization) &&
		(f.Actor == "" || f.Actor == e.Actor) &&
		(f.Target == "" || f.Target == e.Target) &&
		(f.Type == "" || f.Type == e.Type) &&
		(f.From.IsZero() || !e.At.Before(f.From)) &&
		(f.To.IsZero() || e.At.Before(f.To)) &&
		(f.After.IsZero() || compareIDs(e.ID, f.After) > 0)
}

// SealEvents implements [storage.Audit]. link is called without any lock held.
func (s *Store) SealEvents(ctx context.Context, limit int, link func(previous []byte, e storage.Event) []byte) (int, error) {
	if !s.sealing.TryLock() {
		return 0, nil
	}
	defer s.sealing.Unlock()

	var events []storage.Event
	var previous []byte
	var seq uint64
	err := s.read(ctx, func(st *state) error {
		for id := range st.unsealed.all() {
			e, _ := st.events.get(id)
			events = append(events, e)
		}
		if seq = uint64(len(st.chain)); seq > 0 {
			last, _ := st.events.get(st.chain[seq-1])
			previous = last.Chain
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	slices.SortFunc(events, func(a, b storage.Event) int { return compareIDs(a.ID, b.ID) })
	events = events[:min(len(events), atMost(limit))]
	for i := range events {
		e := &events[i]
		seq++
		e.Seq = seq
		e.Chain = slices.Clone(link(slices.Clone(previous), copyEvent(*e)))
		previous = e.Chain
	}
	err = s.write(ctx, func(st *state) error {
		for _, e := range events {
			st.events.put(e.ID, e)
			st.unsealed.remove(e.ID)
			st.chain = append(st.chain, e.ID)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(events), nil
}

// SealEvents does nothing in a transaction: only committed events are sealed.
func (t *transaction) SealEvents(ctx context.Context, _ int, _ func([]byte, storage.Event) []byte) (int, error) {
	return 0, t.read(ctx, func(*state) error { return nil })
}

// checkEvents reports whether the events can be put: each id is free.
func (s *state) checkEvents(events ...storage.Event) error {
	seen := make(map[storage.ID]struct{}, len(events))
	for _, e := range events {
		if e.ID.IsZero() {
			continue
		}
		if _, twice := seen[e.ID]; twice || s.events.has(e.ID) {
			return storage.ErrExists
		}
		seen[e.ID] = struct{}{}
	}
	return nil
}

// putEvent stores an event that checkEvents has passed, unsealed. The zero ID
// means that there is none.
func (s *state) putEvent(e storage.Event) {
	if e.ID.IsZero() {
		return
	}
	s.events.put(e.ID, keepEvent(e))
	s.unsealed.put(e.ID, mark{})
}
