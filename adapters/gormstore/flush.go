package gormstore

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// The second half of a batch: what was decided is written.

func (b *batch) insertClaims() error {
	if len(b.claims) == 0 {
		return nil
	}
	sorted := slices.Clone(b.claims)
	slices.SortStableFunc(sorted, func(x, y *claim) int {
		return cmp.Or(cmp.Compare(x.namespace, y.namespace), bytes.Compare(x.key, y.key))
	})
	rows := make([][]any, 0, len(sorted))
	first := sorted[:0]
	for _, c := range sorted {
		if n := len(first); n > 0 && first[n-1].namespace == c.namespace && bytes.Equal(first[n-1].key, c.key) {
			c.err = storage.ErrSeen
			continue
		}
		first = append(first, c)
		rows = append(rows, []any{c.namespace, c.key, c.until})
	}
	inserted, err := b.session.insert(b.ctx, claimTable, rows)
	if err != nil {
		return err
	}
	now := toMillis(time.Now())
	for i, c := range first {
		if inserted[i] {
			continue
		}
		// It is there; if its time has come, whoever moves it on has it.
		n, err := b.session.exec(b.ctx, `UPDATE gw_claim SET valid_until = ?
WHERE namespace = ? AND ckey = ? AND valid_until <= ? AND valid_until < ?`, c.until, c.namespace, c.key, now, c.until)
		if err != nil {
			return err
		}
		if n == 0 {
			c.err = storage.ErrSeen
		}
	}
	return nil
}

func (b *batch) insertArtifacts() error {
	if len(b.puts) == 0 {
		return nil
	}
	sorted := slices.Clone(b.puts)
	slices.SortStableFunc(sorted, func(x, y *putArtifact) int {
		return cmp.Or(cmp.Compare(x.artifact.Kind, y.artifact.Kind), bytes.Compare(x.artifact.Key, y.artifact.Key))
	})
	rows := make([][]any, 0, len(sorted))
	first := sorted[:0]
	for _, c := range sorted {
		if n := len(first); n > 0 && first[n-1].artifact.Kind == c.artifact.Kind && bytes.Equal(first[n-1].artifact.Key, c.artifact.Key) {
			if c.follows || first[n-1].follows {
				return errAlone
			}
			c.err = storage.ErrExists
			continue
		}
		first = append(first, c)
		rows = append(rows, artifactRow(&c.artifact))
	}
	inserted, err := b.session.insert(b.ctx, artifactTable, rows)
	if err != nil {
		return err
	}
	for i, c := range first {
		switch {
		case inserted[i]:
		case c.follows:
			return storage.ErrExists
		default:
			c.err = storage.ErrExists
		}
	}
	return nil
}

// insertGrants makes the rows of grants that have none.
func (b *batch) insertGrants() error {
	type creation struct {
		grant   *storage.Grant
		command *createGrant
		state   *grantState
	}
	all := make([]creation, 0, len(b.creates))
	for _, c := range b.creates {
		all = append(all, creation{grant: &c.grant, command: c})
	}
	for _, g := range b.grants {
		if g.fresh {
			all = append(all, creation{grant: &g.grant, state: g})
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(x, y creation) int { return bytes.Compare(x.grant.ID[:], y.grant.ID[:]) })
	rows := make([][]any, len(all))
	for i, c := range all {
		if i > 0 && all[i-1].grant.ID == c.grant.ID {
			return errAlone
		}
		rows[i] = grantRow(c.grant)
	}
	inserted, err := b.session.insert(b.ctx, grantTable, rows)
	if err != nil {
		return err
	}
	for i, c := range all {
		switch {
		case inserted[i]:
		case c.command != nil:
			c.command.err = storage.ErrExists
		case c.state.created:
			return storage.ErrExists
		default:
			return errAlone
		}
	}
	return nil
}

func (b *batch) insertEvents() error {
	if len(b.appends) == 0 {
		return nil
	}
	var rows [][]any
	for _, c := range b.appends {
		for i := range c.events {
			rows = append(rows, eventRow(&c.events[i]))
		}
	}
	slices.SortFunc(rows, func(x, y []any) int { return bytes.Compare(x[0].([]byte), y[0].([]byte)) })
	for i := 1; i < len(rows); i++ {
		if bytes.Equal(rows[i-1][0].([]byte), rows[i][0].([]byte)) {
			return b.taken()
		}
	}
	err := b.session.insertNew(b.ctx, eventTable, rows)
	if errors.Is(err, errAlone) {
		return b.taken()
	}
	return err
}

// taken is the error if an event's id is taken.
func (b *batch) taken() error {
	if len(b.appends) == 1 {
		return storage.ErrExists
	}
	return errAlone
}

func (b *batch) writeGrants() error {
	var states []*grantState
	for _, g := range b.grants {
		if g.changed && !g.fresh {
			states = append(states, g)
		}
	}
	slices.SortFunc(states, func(x, y *grantState) int { return bytes.Compare(x.grant.ID[:], y.grant.ID[:]) })
	rows := make([][]any, len(states))
	for i, s := range states {
		g := &s.grant
		rows[i] = []any{
			g.ID[:],
			int64(g.Generation), bytesOf(g.Refresh), toMillis(g.RotatedAt), int64(b2i(g.Graceable)),
			toMillis(g.IdleAt), toMillis(g.AccessUntil), toMillis(g.EndedAt), g.EndReason,
			int64(s.before),
		}
	}
	return b.update(rotateGrant, rows)
}

func (b *batch) writeArtifacts() error {
	var states []*artifactState
	for _, a := range b.artifacts {
		if a.changed {
			states = append(states, a)
		}
	}
	slices.SortFunc(states, func(x, y *artifactState) int {
		return cmp.Or(cmp.Compare(x.artifact.Kind, y.artifact.Kind), bytes.Compare(x.artifact.Key, y.artifact.Key))
	})
	rows := make([][]any, len(states))
	for i, s := range states {
		a := &s.artifact
		rows[i] = []any{int64(a.Kind), a.Key, toMillis(a.RedeemedAt), idOf(a.Grant), int64(0)}
	}
	return b.update(redeemArtifact, rows)
}

// update writes rows that are locked: a row that it misses means that the lock
// did not hold.
func (b *batch) update(u *update, rows [][]any) error {
	hit, err := b.session.update(b.ctx, u, rows)
	if err == nil && hit != int64(len(rows)) {
		err = fmt.Errorf("gormstore: an update hit %d of %d locked rows", hit, len(rows))
	}
	return err
}

func (b *batch) writeTouches() error {
	if len(b.touches) == 0 {
		return nil
	}
	latest := make(map[string]int64)
	for _, c := range b.touches {
		for _, use := range c.uses {
			if storable(use.Client) {
				latest[use.Client] = max(latest[use.Client], toMillis(use.At))
			}
		}
	}
	rows := make([][]any, 0, len(latest))
	for client, at := range latest {
		rows = append(rows, []any{client, at, at})
	}
	slices.SortFunc(rows, func(x, y []any) int { return cmp.Compare(x[0].(string), y[0].(string)) })
	_, err := b.session.update(b.ctx, touchClient, rows)
	return err
}

func (b *batch) writeChanges() error {
	var changes []storage.Change
	for _, g := range b.grants {
		if g.change != nil {
			changes = append(changes, *g.change)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	recorded, err := b.session.putChanges(b.ctx, changes)
	if err != nil {
		return err
	}
	of := func(g *grantState) []storage.Change {
		if g == nil || g.change == nil {
			return nil
		}
		return []storage.Change{recorded[changeKey(g.change)]}
	}
	for _, c := range b.rotations {
		c.answer.Changes = of(c.state)
	}
	for _, c := range b.redemptions {
		c.answer.Changes = of(c.state)
	}
	for _, c := range b.ends {
		if c.state != nil && !c.again {
			c.change = recorded[changeKey(c.state.change)]
		}
	}
	return nil
}
