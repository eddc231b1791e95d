package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// sweepStep is how many rows one transaction removes.
const sweepStep = 200

// sweeps are what is removed when it is over: the rows whose column is between 1
// (0 is never) and the given time.
var sweeps = []struct {
	table  *table
	expiry string
}{
	{artifactTable, "expires_at"},
	{claimTable, "valid_until"},
	{grantTable, "expires_at"},
	{changeTable, "valid_until"},
}

// Sweep implements [storage.Sweeper]. Each step is a transaction of its own that
// leaves out rows which others hold.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	total := 0
	for _, sweep := range sweeps {
		for left := limit; left > 0; {
			step := min(left, sweepStep)
			var n int
			err := s.write(ctx, "sweep", func(ctx context.Context, tx *session) (err error) {
				n, err = tx.sweep(ctx, sweep.table, sweep.expiry, toMillis(now), step)
				return err
			})
			if err != nil {
				return total, err
			}
			total += n
			left -= n
			if n < step {
				break
			}
		}
	}
	return total, nil
}

func (s *session) sweep(ctx context.Context, t *table, expiry string, now int64, limit int) (int, error) {
	keys := t.columns[:t.keys]
	var rows [][]any
	read, dest := receivers(keys)
	err := s.query(ctx, func(r *sql.Rows) error {
		err := r.Scan(dest...)
		rows = append(rows, slices.Clone(read()))
		return err
	}, "SELECT "+names(keys, "")+" FROM "+t.name+" WHERE "+expiry+" BETWEEN 1 AND ? ORDER BY "+expiry+" LIMIT ?"+s.core.dialect.skipLocked(), now, limit)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	n, err := s.remove(ctx, t, rows)
	return int(n), err
}
