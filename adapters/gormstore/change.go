package gormstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// changeColumns is the order of scanChange.
const changeColumns = "kind, id, client, status, version, epoch, min_generation, ended, valid_until"

func changeRow(c *storage.Change) []any {
	return []any{
		int64(c.Kind), []byte(c.ID), c.Client, int64(c.Status), int64(c.Version), int64(c.Epoch),
		int64(c.MinGeneration), int64(b2i(c.Ended)), toUntil(c.Until),
	}
}

// scanChange reads changeColumns and then what else is asked.
func scanChange(rows *sql.Rows, more ...any) (c storage.Change, err error) {
	var id sql.RawBytes
	var until int64
	dest := append([]any{&c.Kind, &id, &c.Client, &c.Status, &c.Version, &c.Epoch, &c.MinGeneration, &c.Ended, &until}, more...)
	if err := rows.Scan(dest...); err != nil {
		return c, err
	}
	c.ID, c.Until = string(id), fromUntil(until)
	return c, nil
}

func changeKey(c *storage.Change) storage.ChangeKey { return storage.ChangeKey{Kind: c.Kind, ID: c.ID} }

// merge joins two changes of one key as the database does.
func merge(old, c storage.Change) storage.Change {
	if old.Version > c.Version {
		c.Version, c.Status = old.Version, old.Status
	}
	c.Epoch = max(c.Epoch, old.Epoch)
	c.MinGeneration = max(c.MinGeneration, old.MinGeneration)
	c.Ended = c.Ended || old.Ended
	if old.Until.IsZero() || !c.Until.IsZero() && old.Until.After(c.Until) {
		c.Until = old.Until
	}
	return c
}

// putChanges upserts changes, of which no two have one key, and returns what is
// recorded then.
func (s *session) putChanges(ctx context.Context, changes []storage.Change) (map[storage.ChangeKey]storage.Change, error) {
	slices.SortFunc(changes, func(a, b storage.Change) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	rows := make([][]any, len(changes))
	for i := range changes {
		rows[i] = changeRow(&changes[i])
	}
	recorded := make(map[storage.ChangeKey]storage.Change, len(changes))
	read := func(r *sql.Rows) error {
		c, err := scanChange(r)
		recorded[changeKey(&c)] = c
		return err
	}
	err := s.chunks(len(rows), s.many(), func(from, to int) error {
		part := rows[from:to]
		query := s.text(changeTable, 'i', len(part), func() string { return changeTable.insertText(s.core.dialect, len(part)) })
		if s.core.dialect == mysql {
			_, err := s.exec(ctx, query, s.args(changeTable.columns, part)...)
			return err
		}
		return s.query(ctx, read, query, s.args(changeTable.columns, part)...)
	})
	if err != nil || s.core.dialect != mysql {
		return recorded, err
	}
	keys := make([][]any, len(rows))
	for i := range rows {
		keys[i] = rows[i][:2]
	}
	return recorded, s.find(ctx, changeTable, keys, false, read)
}

// putChange is putChanges for one.
func (s *session) putChange(ctx context.Context, c storage.Change) (storage.Change, error) {
	recorded, err := s.putChanges(ctx, []storage.Change{c})
	return recorded[changeKey(&c)], err
}

const lookupQuery = "SELECT " + changeColumns + ", seq FROM gw_change WHERE kind = ? AND id = ?"

// scanRecorded reads changeColumns and the number.
func scanRecorded(r *sql.Rows) (storage.Change, error) {
	var seq sql.Null[uint64]
	c, err := scanChange(r, &seq)
	c.Seq = seq.V
	return c, err
}

// LookupChanges implements [storage.Changes].
func (s *Store) LookupChanges(ctx context.Context, keys []storage.ChangeKey) ([]storage.Change, error) {
	var found []storage.Change
	for _, key := range keys {
		if len(key.ID) > 2*most+1 {
			continue
		}
		err := s.query(ctx, "look up changes", func(r *sql.Rows) error {
			c, err := scanRecorded(r)
			found = append(found, c)
			return err
		}, lookupQuery, int64(key.Kind), []byte(key.ID))
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// The parts of a feed query: stamped changes after the cursor, unstamped ones,
// and the highest number given. One statement sees one state of the database, so
// that a change that is being stamped is in one of the parts.
const feedQuery = `SELECT * FROM (SELECT ` + changeColumns + `, seq FROM gw_change WHERE seq > ? AND valid_until > ? ORDER BY seq LIMIT ?) stamped
UNION ALL SELECT ` + changeColumns + `, seq FROM gw_change WHERE seq IS NULL AND valid_until > ?
UNION ALL SELECT 0, chain, '', 0, 0, 0, 0, 0, 0, value FROM gw_counter WHERE name = 'change'`

// ChangesSince implements [storage.Changes], on a connection that is kept for it.
func (s *Store) ChangesSince(ctx context.Context, cursor uint64, now time.Time, limit int) (storage.ChangeBatch, error) {
	limit = limited(limit)
	var batch storage.ChangeBatch
	var unstamped []storage.Change
	start := func() { batch, unstamped = storage.ChangeBatch{Next: cursor}, nil }
	row := func(r *sql.Rows) error {
		var seq sql.Null[uint64]
		c, err := scanChange(r, &seq)
		c.Seq = seq.V
		switch {
		case c.Kind == 0:
			batch.Head = c.Seq
		case seq.Valid:
			batch.Changes = append(batch.Changes, c)
		default:
			unstamped = append(unstamped, c)
		}
		return err
	}
	ms := toMillis(now)
	args := []any{int64(cursor), ms, limit + 1, ms}
	var err error
	if s.tx != nil {
		start()
		err = s.tx.run(ctx, func(tx *session) error { return tx.query(ctx, row, feedQuery, args...) })
	} else {
		err = s.core.feed.query(ctx, start, row, feedQuery, args...)
	}
	if err != nil {
		return storage.ChangeBatch{}, answer("read changes", err)
	}
	slices.SortFunc(batch.Changes, func(a, b storage.Change) int { return cmp.Compare(a.Seq, b.Seq) })
	if len(batch.Changes) > limit {
		batch.Changes, batch.More = batch.Changes[:limit], true
	}
	if n := len(batch.Changes); n > 0 {
		batch.Next = batch.Changes[n-1].Seq
	}
	batch.Changes = append(batch.Changes, unstamped...)
	return batch, nil
}

// Stamp implements [storage.Changes]. Whoever holds the counter's row numbers
// the committed changes that nobody holds; as it commits before the next one
// gets the row, numbers become visible in their order. In a transaction of the
// host it does nothing.
func (s *Store) Stamp(ctx context.Context, limit int) (int, error) {
	if s.tx != nil {
		return 0, nil
	}
	limit = limited(limit)
	idle := true
	err := s.query(ctx, "stamp", func(r *sql.Rows) error {
		idle = false
		return nil
	}, "SELECT 1 FROM gw_change WHERE seq IS NULL LIMIT 1")
	if err != nil || idle {
		return 0, err
	}
	var n int
	err = s.write(ctx, "stamp", func(ctx context.Context, tx *session) (err error) {
		n, err = tx.stamp(ctx, limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (s *session) stamp(ctx context.Context, limit int) (int, error) {
	d := s.core.dialect
	var head int64
	held := false
	err := s.query(ctx, func(r *sql.Rows) error {
		held = true
		return r.Scan(&head)
	}, "SELECT value FROM gw_counter WHERE name = 'change'"+d.skipLocked())
	if err != nil || !held {
		return 0, err
	}
	var rows [][]any
	err = s.query(ctx, func(r *sql.Rows) error {
		var kind int64
		var id []byte
		if err := r.Scan(&kind, &id); err != nil {
			return err
		}
		head++
		rows = append(rows, []any{kind, id, head})
		return nil
	}, "SELECT kind, id FROM gw_change WHERE seq IS NULL ORDER BY kind, id LIMIT ?"+d.skipLocked(), limit)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	if _, err := s.update(ctx, stampChange, rows); err != nil {
		return 0, err
	}
	_, err = s.exec(ctx, "UPDATE gw_counter SET value = ? WHERE name = 'change'", head)
	return len(rows), err
}
