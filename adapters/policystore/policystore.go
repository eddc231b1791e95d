// Package policystore lets package policy keep its rules in a store of
// Gatewright: it serves [policy.Store] from [storage.Rules] and
// [storage.Changes], so that instances follow rules by the table of changes that
// they follow everything else by.
package policystore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

// Records is the part of a [storage.Store] that rules need.
type Records interface {
	storage.Rules
	storage.Changes
}

// Store is a [policy.Store] over records. It is safe for concurrent use; the
// zero Store is not usable, make one with [New].
type Store struct{ records Records }

var _ policy.Store = (*Store)(nil)

// New gives a store of rules over the records of a store.
func New(records Records) *Store { return &Store{records} }

// page is how many changes are read at once.
const page = 1000

// transaction is the key of a context's transaction.
type transaction struct{}

// InTransaction gives a context in which [Store.ApplyRules] is part of a
// transaction of the caller's, as [storage.Transactor] makes one:
//
//	p, err := live.Prepare(ctx, change)
//	err = store.Transact(ctx, func(ctx context.Context, tx storage.Store) error {
//		_, err := p.Store(policystore.InTransaction(ctx, tx))
//		return err // and whatever else belongs together
//	})
//	err = p.Enforce() // once it is committed
func InTransaction(ctx context.Context, tx storage.Rules) context.Context {
	return context.WithValue(ctx, transaction{}, tx)
}

// LoadRules implements [policy.Store].
func (s *Store) LoadRules(ctx context.Context, organization string) (policy.RuleSet, error) {
	set, err := s.records.LoadRules(ctx, organization)
	return policy.RuleSet{Organization: organization, Revision: set.Revision, Rows: set.Rows}, err
}

// ApplyRules implements [policy.Store]. The change is recorded in the audit
// trail, in the same transaction.
func (s *Store) ApplyRules(ctx context.Context, c policy.Change) (uint64, error) {
	records := storage.Rules(s.records)
	if tx, ok := ctx.Value(transaction{}).(storage.Rules); ok {
		records = tx
	}
	if c.At.IsZero() {
		c.At = time.Now()
	}
	event, err := eventOf(c)
	if err != nil {
		return 0, err
	}
	change, err := records.ApplyRules(ctx, storage.RuleChange{
		Organization: c.Organization, Revision: c.Revision, Add: c.Add, Remove: c.Remove, At: c.At, Actor: c.Actor,
	}, event)
	switch {
	case errors.Is(err, storage.ErrConflict):
		conflict := &policy.ConflictError{Organization: c.Organization, Want: c.Revision}
		if now, err := s.records.LoadRules(ctx, c.Organization); err == nil {
			conflict.Have = now.Revision
		}
		return 0, conflict
	case err != nil:
		return 0, fmt.Errorf("policystore: applying a change of rules: %w", err)
	}
	return change.Version, nil
}

// eventOf describes a change for the audit trail.
func eventOf(c policy.Change) (storage.Event, error) {
	before, err := json.Marshal(c.Remove)
	if err != nil {
		return storage.Event{}, err
	}
	after, err := json.Marshal(c.Add)
	if err != nil {
		return storage.Event{}, err
	}
	return storage.Event{
		ID: storage.NewID(c.At), At: c.At, Type: "policy.changed", Outcome: "ok",
		Organization: c.Organization, Actor: c.Actor, Target: "policy:" + c.Organization, Before: before, After: after,
	}, nil
}

// RuleHistory implements [policy.Store].
func (s *Store) RuleHistory(ctx context.Context, organization string, before uint64, limit int) ([]policy.Change, error) {
	list, err := s.records.RuleHistory(ctx, organization, before, limit)
	if err != nil {
		return nil, err
	}
	changes := make([]policy.Change, len(list))
	for i, c := range list {
		changes[i] = policy.Change{Organization: organization, Revision: c.Revision, Add: c.Add, Remove: c.Remove, At: c.At, Actor: c.Actor}
	}
	return changes, nil
}

// RuleSets implements [policy.Store].
func (s *Store) RuleSets(ctx context.Context) ([]string, error) { return s.records.ListRuleSets(ctx) }

// RuleNews implements [policy.Store]. Changes that were committed and not yet
// numbered are told each time, which does no harm.
func (s *Store) RuleNews(ctx context.Context, cursor uint64) (policy.News, error) {
	batch, err := s.records.ChangesSince(ctx, cursor, time.Now(), page)
	if err != nil {
		return policy.News{}, err
	}
	news := policy.News{Next: batch.Next, Head: batch.Head, More: batch.More}
	for _, c := range batch.Changes {
		if c.Kind == storage.RulesChange {
			news.Changed = append(news.Changed, policy.RuleRevision{Organization: c.ID, Revision: c.Version})
		}
	}
	return news, nil
}
