package policy

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// memStore is a store in memory whose connection can be cut.
type memStore struct {
	mu      sync.Mutex
	sets    map[string]RuleSet
	log     []Change
	severed atomic.Bool
}

var errSevered = errors.New("the store is away")

func newMemStore() *memStore { return &memStore{sets: map[string]RuleSet{}} }

var (
	_ Store = (*memStore)(nil)
	_ Store = (*DirStore)(nil)
)

func (s *memStore) LoadRules(_ context.Context, org string) (RuleSet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.severed.Load() {
		return RuleSet{}, errSevered
	}
	set := s.sets[org]
	set.Organization = org
	set.Rows = slices.Clone(set.Rows)
	return set, nil
}

func (s *memStore) ApplyRules(_ context.Context, c Change) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.severed.Load() {
		return 0, errSevered
	}
	set := s.sets[c.Organization]
	if set.Revision != c.Revision {
		return 0, &ConflictError{c.Organization, c.Revision, set.Revision}
	}
	rows, err := c.apply(set.Rows)
	if err != nil {
		return 0, err
	}
	c.Revision++
	s.sets[c.Organization] = RuleSet{c.Organization, c.Revision, rows}
	s.log = append(s.log, c)
	return c.Revision, nil
}

// force puts rows in without any check, as another program might.
func (s *memStore) force(org string, rows ...[]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.sets[org]
	s.sets[org] = RuleSet{org, set.Revision + 1, rows}
	s.log = append(s.log, Change{Organization: org, Revision: set.Revision + 1})
}

func (s *memStore) RuleHistory(_ context.Context, org string, before uint64, limit int) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Change
	for i := len(s.log) - 1; i >= 0 && len(found) < limit; i-- {
		if c := s.log[i]; c.Organization == org && (before == 0 || c.Revision < before) {
			found = append(found, c)
		}
	}
	return found, nil
}

func (s *memStore) RuleSets(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.severed.Load() {
		return nil, errSevered
	}
	var names []string
	for org := range s.sets {
		names = append(names, org)
	}
	return names, nil
}

func (s *memStore) RuleNews(_ context.Context, cursor uint64) (News, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.severed.Load() {
		return News{}, errSevered
	}
	head := uint64(len(s.log))
	n := News{Next: head, Head: head}
	for i := min(cursor, head); i < head; i++ {
		n.Changed = append(n.Changed, RuleRevision{s.log[i].Organization, s.log[i].Revision})
	}
	return n, nil
}
