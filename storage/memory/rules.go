package memory

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/storage"
)

// LoadRules implements [storage.Rules].
func (c commands) LoadRules(ctx context.Context, organization string) (set storage.RuleSet, err error) {
	err = c.on.read(ctx, func(s *state) error {
		found, _ := s.rules.get(organization)
		set = storage.RuleSet{Organization: organization, Revision: found.Revision, Rows: copyRows(found.Rows)}
		return nil
	})
	return set, err
}

// ApplyRules implements [storage.Rules].
func (c commands) ApplyRules(ctx context.Context, rc storage.RuleChange, e storage.Event) (change storage.Change, err error) {
	rc = copyRuleChange(rc)
	rc.At = milli(rc.At)
	err = c.on.write(ctx, func(s *state) error {
		set, _ := s.rules.get(rc.Organization)
		if set.Revision != rc.Revision {
			return storage.ErrConflict
		}
		rows, err := applied(set.Rows, rc)
		if err != nil {
			return err
		}
		if err := s.checkEvents(e); err != nil {
			return err
		}
		rc.Revision++
		s.rules.put(rc.Organization, storage.RuleSet{Organization: rc.Organization, Revision: rc.Revision, Rows: rows})
		s.history.put(historyKey{rc.Organization, rc.Revision}, rc)
		change = s.putChange(storage.Change{Kind: storage.RulesChange, ID: rc.Organization, Version: rc.Revision})
		s.putEvent(e)
		return nil
	})
	return change, err
}

// applied returns the rows without those removed and with those added.
func applied(rows [][]string, rc storage.RuleChange) ([][]string, error) {
	present := make(map[string]struct{}, len(rows)+len(rc.Add))
	for _, row := range rows {
		present[rowKey(row)] = struct{}{}
	}
	for _, row := range rc.Remove {
		key := rowKey(row)
		if _, ok := present[key]; !ok {
			return nil, storage.ErrNotFound
		}
		delete(present, key)
	}
	kept := make([][]string, 0, len(present)+len(rc.Add))
	for _, row := range rows {
		if _, ok := present[rowKey(row)]; ok {
			kept = append(kept, row)
		}
	}
	for _, row := range rc.Add {
		key := rowKey(row)
		if _, ok := present[key]; ok {
			return nil, storage.ErrExists
		}
		present[key] = struct{}{}
		kept = append(kept, row)
	}
	return kept, nil
}

// rowKey writes a row so that no two rows have one key.
func rowKey(row []string) string {
	var b strings.Builder
	for _, field := range row {
		b.WriteString(strconv.Itoa(len(field)))
		b.WriteByte(':')
		b.WriteString(field)
	}
	return b.String()
}

// RuleHistory implements [storage.Rules].
func (c commands) RuleHistory(ctx context.Context, organization string, before uint64, limit int) (list []storage.RuleChange, err error) {
	err = c.on.read(ctx, func(s *state) error {
		set, _ := s.rules.get(organization)
		revision := set.Revision
		if before > 0 {
			revision = min(revision, before-1)
		}
		for ; revision > 0 && len(list) < atMost(limit); revision-- {
			rc, _ := s.history.get(historyKey{organization, revision})
			list = append(list, copyRuleChange(rc))
		}
		return nil
	})
	return list, err
}

// ListRuleSets implements [storage.Rules].
func (c commands) ListRuleSets(ctx context.Context) (list []string, err error) {
	err = c.on.read(ctx, func(s *state) error {
		for organization, set := range s.rules.all() {
			if len(set.Rows) > 0 {
				list = append(list, organization)
			}
		}
		return nil
	})
	slices.SortFunc(list, cmp.Compare[string])
	return list, err
}
