package policy

import (
	"context"
	"errors"
	"fmt"
)

// Prepared is a change that was checked whole and can be stored, perhaps with
// other data in one transaction of the caller's, and then put in force.
type Prepared struct {
	live   *Live
	change Change
	rows   [][]string
	stored uint64
}

// Prepare checks a change against the rules as the store has them now: that it
// was made against their revision, that what it removes is there and what it
// adds is not, and that the result compiles with everything else. It stores
// nothing; used alone it is a dry run.
func (l *Live) Prepare(ctx context.Context, c Change) (*Prepared, error) {
	set, err := l.store.LoadRules(ctx, c.Organization)
	if err != nil {
		return nil, fmt.Errorf("policy: loading rules: %w", err)
	}
	if set.Revision != c.Revision {
		return nil, &ConflictError{c.Organization, c.Revision, set.Revision}
	}
	rows, err := c.apply(set.Rows)
	if err != nil {
		return nil, err
	}
	s := l.engine.current.Load()
	if _, err := l.prepare(s, RuleSet{c.Organization, c.Revision + 1, rows}, nil); err != nil {
		return nil, err
	}
	return &Prepared{live: l, change: c, rows: rows}, nil
}

// Difference is what the change does.
func (p *Prepared) Difference() Difference {
	return Difference{Added: append([][]string{}, p.change.Add...), Removed: append([][]string{}, p.change.Remove...)}
}

// Store stores the change if the rules still have the revision it was made
// against. The context may carry a transaction that the store joins.
func (p *Prepared) Store(ctx context.Context) (revision uint64, err error) {
	p.stored, err = p.live.store.ApplyRules(ctx, p.change)
	return p.stored, err
}

// Enforce puts the change in force on this instance; the others follow. Call it
// when what [Prepared.Store] wrote is committed, never before.
func (p *Prepared) Enforce() error {
	if p.stored == 0 {
		return errors.New("policy: the change was not stored")
	}
	return p.live.enforce(RuleSet{p.change.Organization, p.stored, p.rows}, p.stored)
}

// Apply checks, stores and puts in force. When it returns, the change is in
// force on this instance; on others within their poll interval. The new
// revision is that of the organization's rules.
func (l *Live) Apply(ctx context.Context, c Change) (revision uint64, err error) {
	p, err := l.Prepare(ctx, c)
	if err != nil {
		return 0, err
	}
	if _, err := p.Store(ctx); err != nil {
		return 0, err
	}
	return p.stored, p.Enforce()
}

// Rules reads the stored rules of an organization, or those for every one
// ("*"), with their revision, to make a change against.
func (l *Live) Rules(ctx context.Context, organization string) (RuleSet, error) {
	return l.store.LoadRules(ctx, organization)
}

// History lists the changes of an organization, the newest first.
func (l *Live) History(ctx context.Context, organization string, before uint64, limit int) ([]Change, error) {
	return l.store.RuleHistory(ctx, organization, before, limit)
}

// historyPage is how many changes are read at once.
const historyPage = 100

// At gives the rules of an organization as they were at a revision, by taking
// later changes back.
func (l *Live) At(ctx context.Context, organization string, revision uint64) (RuleSet, error) {
	return rulesAt(ctx, l.store, organization, revision)
}

func rulesAt(ctx context.Context, store Store, organization string, revision uint64) (RuleSet, error) {
	set, err := store.LoadRules(ctx, organization)
	if err != nil {
		return RuleSet{}, err
	}
	if revision > set.Revision {
		return RuleSet{}, fmt.Errorf("policy: there is no revision %d; the rules are at %d", revision, set.Revision)
	}
	before := uint64(0)
	for set.Revision > revision {
		changes, err := store.RuleHistory(ctx, organization, before, historyPage)
		if err != nil {
			return RuleSet{}, err
		}
		for _, c := range changes {
			if c.Revision > set.Revision {
				continue // applied since the rules were loaded
			}
			if set.Revision == revision {
				return set, nil
			}
			if c.Revision != set.Revision {
				return RuleSet{}, fmt.Errorf("policy: the history does not reach back to revision %d", revision)
			}
			if set.Rows, err = c.undo().apply(set.Rows); err != nil {
				return RuleSet{}, fmt.Errorf("policy: the history does not fit the rules: %w", err)
			}
			set.Revision--
			before = c.Revision
		}
		if len(changes) == 0 {
			return RuleSet{}, fmt.Errorf("policy: the history does not reach back to revision %d", revision)
		}
	}
	return set, nil
}

// Diff tells what changed between two revisions of an organization's rules.
func (l *Live) Diff(ctx context.Context, organization string, from, to uint64) (Difference, error) {
	a, err := l.At(ctx, organization, from)
	if err != nil {
		return Difference{}, err
	}
	b, err := l.At(ctx, organization, to)
	if err != nil {
		return Difference{}, err
	}
	return diffRows(a.Rows, b.Rows), nil
}

// RollbackTo makes the change that brings the rules of an organization back to
// what they were at a revision, to be checked and applied like any other.
func (l *Live) RollbackTo(ctx context.Context, organization string, revision uint64) (Change, error) {
	now, err := l.store.LoadRules(ctx, organization)
	if err != nil {
		return Change{}, err
	}
	then, err := l.At(ctx, organization, revision)
	if err != nil {
		return Change{}, err
	}
	d := diffRows(now.Rows, then.Rows)
	return Change{Organization: organization, Revision: now.Revision, Add: d.Added, Remove: d.Removed}, nil
}

// Rollback brings the rules of an organization back to what they were at a
// revision, as a new change.
func (l *Live) Rollback(ctx context.Context, organization string, revision uint64, actor string) (uint64, error) {
	c, err := l.RollbackTo(ctx, organization, revision)
	if err != nil {
		return 0, err
	}
	c.Actor, c.At = actor, l.engine.now()
	return l.Apply(ctx, c)
}
