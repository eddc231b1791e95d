package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

// longest is how much of a text of an event is kept, in bytes.
const longest = 1 << 16

func eventRow(e *storage.Event) []any {
	return []any{
		e.ID[:], toMillis(e.At), clip(e.Type, longest), clip(e.Outcome, longest), clip(e.Organization, most),
		clip(e.Actor, longest), clip(e.Target, longest), clip(e.Client, longest), idOf(e.Grant), clip(e.Address, longest),
		clip(e.Route, longest), clip(e.Reason, longest), bytesOf(e.Before), bytesOf(e.After),
	}
}

var eventColumns = names(eventTable.columns, "") + ", seq, chain"

func scanEvent(r *sql.Rows) (e storage.Event, err error) {
	var id, grant sql.RawBytes
	var at int64
	var seq sql.Null[uint64]
	err = r.Scan(
		&id, &at, &e.Type, &e.Outcome, &e.Organization,
		&e.Actor, &e.Target, &e.Client, &grant, &e.Address,
		&e.Route, &e.Reason, &e.Before, &e.After, &seq, &e.Chain,
	)
	copy(e.ID[:], id)
	copy(e.Grant[:], grant)
	e.At, e.Seq = fromMillis(at), seq.V
	return e, err
}

type appendEvents struct {
	task
	events []storage.Event
}

// AppendEvents implements [storage.Audit]. Texts are kept up to 64 KiB, the organization up to 255 bytes. If an
// id is taken it stores none and returns [storage.ErrExists].
func (s *Store) AppendEvents(ctx context.Context, events []storage.Event) error {
	events = slices.Clone(events)
	events = slices.DeleteFunc(events, func(e storage.Event) bool { return e.ID.IsZero() })
	for i := range events {
		e := &events[i]
		if err := checkEvent(e); err != nil {
			return err
		}
		e.Before, e.After = slices.Clone(e.Before), slices.Clone(e.After)
	}
	return s.submit(ctx, "append events", &appendEvents{events: events})
}

func checkEvent(e *storage.Event) error {
	if err := checkBytes("the state before an event", e.Before, largest); err != nil {
		return err
	}
	return checkBytes("the state after an event", e.After, largest)
}

// putEvent stores the event of an administrative command, if it has one.
func (s *session) putEvent(ctx context.Context, e storage.Event) error {
	if e.ID.IsZero() {
		return nil
	}
	if err := checkEvent(&e); err != nil {
		return err
	}
	inserted, err := s.insert(ctx, eventTable, [][]any{eventRow(&e)})
	if err == nil && !inserted[0] {
		err = storage.ErrExists
	}
	return err
}

// Events implements [storage.Audit].
func (s *Store) Events(ctx context.Context, f storage.EventFilter) ([]storage.Event, error) {
	var list []storage.Event
	err := s.list(ctx, "list events", func(db *gorm.DB) error {
		query := db.Table("gw_event").Select(eventColumns).Limit(limited(f.Limit))
		if f.Sealed {
			query = query.Where("seq > ?", int64(f.AfterSeq)).Order("seq")
		} else {
			query = query.Order("id")
		}
		for _, by := range []struct{ column, value string }{
			{"organization", clip(f.Organization, most)},
			{"actor", clip(f.Actor, longest)},
			{"target", clip(f.Target, longest)},
			{"event_type", clip(f.Type, longest)},
		} {
			if by.value != "" {
				query = query.Where(by.column+" = ?", by.value)
			}
		}
		if !f.From.IsZero() {
			query = query.Where("happened_at >= ?", toMillis(f.From))
		}
		if !f.To.IsZero() {
			query = query.Where("happened_at < ?", toMillis(f.To))
		}
		if !f.After.IsZero() {
			query = query.Where("id > ?", f.After[:])
		}
		rows, err := query.Rows()
		if err != nil {
			return err
		}
		return each(rows, func(r *sql.Rows) error {
			e, err := scanEvent(r)
			list = append(list, e)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// SealEvents implements [storage.Audit]. Nothing is locked while link computes:
// whoever moves the counter on from the value that it began with has sealed, and
// others that computed meanwhile return 0.
func (s *Store) SealEvents(ctx context.Context, limit int, link func(previous []byte, e storage.Event) []byte) (int, error) {
	if s.tx != nil {
		return 0, nil
	}
	if !s.core.sealing.TryLock() {
		return 0, answer("seal events", ctx.Err())
	}
	defer s.core.sealing.Unlock()

	var head int64
	var previous []byte
	err := s.query(ctx, "seal events", func(r *sql.Rows) error { return r.Scan(&head, &previous) },
		"SELECT value, chain FROM gw_counter WHERE name = 'event'")
	if err != nil {
		return 0, err
	}
	var events []storage.Event
	err = s.query(ctx, "seal events", func(r *sql.Rows) error {
		e, err := scanEvent(r)
		events = append(events, e)
		return err
	}, "SELECT "+eventColumns+" FROM gw_event WHERE seq IS NULL ORDER BY id LIMIT ?", limited(limit))
	if err != nil || len(events) == 0 {
		return 0, err
	}
	rows := make([][]any, len(events))
	seq := head
	for i := range events {
		e := &events[i]
		seq++
		id := e.ID
		e.Seq = uint64(seq)
		previous = slices.Clone(link(slices.Clone(previous), *e))
		if err := checkBytes("the chain value", previous, most); err != nil {
			return 0, err
		}
		rows[i] = []any{id[:], seq, previous}
	}
	err = s.write(ctx, "seal events", func(ctx context.Context, tx *session) error {
		n, err := tx.exec(ctx, "UPDATE gw_counter SET value = ?, chain = ? WHERE name = 'event' AND value = ?", seq, previous, head)
		if err != nil {
			return err
		}
		if n == 0 {
			return errLost
		}
		hit, err := tx.update(ctx, sealEvent, rows)
		if err == nil && hit != int64(len(rows)) {
			return errLost // the sweep of a retention took one
		}
		return err
	})
	switch {
	case errors.Is(err, errLost):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return len(events), nil
}
