package gormstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

// LoadRules implements [storage.Rules].
func (s *Store) LoadRules(ctx context.Context, organization string) (storage.RuleSet, error) {
	set := storage.RuleSet{Organization: organization}
	if !storable(organization) {
		return set, nil
	}
	// One statement sees one revision.
	err := s.query(ctx, "load rules", func(r *sql.Rows) error {
		var text sql.RawBytes
		if err := r.Scan(&set.Revision, &text); err != nil || text == nil {
			return err
		}
		row, err := decodeRow(text)
		set.Rows = append(set.Rows, row)
		return err
	}, `SELECT s.revision, r.fields FROM gw_ruleset s LEFT JOIN gw_rule r ON r.organization = s.organization
WHERE s.organization = ? ORDER BY r.place`, organization)
	if err != nil {
		return storage.RuleSet{}, err
	}
	return set, nil
}

func decodeRow(text []byte) (row []string, err error) {
	err = json.Unmarshal(text, &row)
	return row, err
}

// rule is one row of a rule set as it is kept.
type rule struct {
	digest []byte
	fields string
}

func toRules(rows [][]string) ([]rule, error) {
	rules := make([]rule, len(rows))
	for i, row := range rows {
		if row == nil {
			row = []string{}
		}
		text, err := encode(row)
		if err != nil {
			return nil, err
		}
		digest := sha256.Sum256([]byte(text))
		rules[i] = rule{digest[:], text}
	}
	return rules, nil
}

// ApplyRules implements [storage.Rules].
func (s *Store) ApplyRules(ctx context.Context, c storage.RuleChange, e storage.Event) (storage.Change, error) {
	if err := checkID("rules", c.Organization); err != nil {
		return storage.Change{}, err
	}
	if err := checkID("actor", c.Actor); err != nil {
		return storage.Change{}, err
	}
	add, err := toRules(c.Add)
	if err != nil {
		return storage.Change{}, err
	}
	remove, err := toRules(c.Remove)
	if err != nil {
		return storage.Change{}, err
	}
	// Their rows have just been encoded one by one.
	added, _ := encode(c.Add)
	removed, _ := encode(c.Remove)
	return s.changeRows(ctx, "apply rules", len(add)+len(remove), func(ctx context.Context, tx *session) (storage.Change, error) {
		var none storage.Change
		if err := tx.nextRevision(ctx, c.Organization, c.Revision); err != nil {
			return none, err
		}
		if err := tx.removeRules(ctx, c.Organization, remove); err != nil {
			return none, err
		}
		if err := tx.addRules(ctx, c.Organization, add); err != nil {
			return none, err
		}
		revision := c.Revision + 1
		if _, err := tx.exec(ctx, "INSERT INTO gw_rule_history (organization, revision, happened_at, actor, added, removed) VALUES (?, ?, ?, ?, ?, ?)",
			c.Organization, int64(revision), toMillis(c.At), c.Actor, added, removed); err != nil {
			return none, err
		}
		if err := tx.putEvent(ctx, e); err != nil {
			return none, err
		}
		return tx.putChange(ctx, storage.Change{Kind: storage.RulesChange, ID: c.Organization, Version: revision})
	})
}

// nextRevision moves the revision on, if it is still the given one, and keeps
// others from it until the commit.
func (s *session) nextRevision(ctx context.Context, organization string, revision uint64) error {
	if revision == 0 {
		inserted, err := s.insert(ctx, rulesetTable, [][]any{{organization, int64(1)}})
		if err == nil && !inserted[0] {
			err = storage.ErrConflict
		}
		return err
	}
	n, err := s.exec(ctx, "UPDATE gw_ruleset SET revision = ? WHERE organization = ? AND revision = ?",
		int64(revision+1), organization, int64(revision))
	if err == nil && n == 0 {
		err = storage.ErrConflict
	}
	return err
}

// ruleStep is how many rules one statement inserts or deletes.
const ruleStep = 512

// removeRules wants each of the rules to be there.
func (s *session) removeRules(ctx context.Context, organization string, remove []rule) error {
	keys := make([][]any, len(remove))
	for i, r := range remove {
		keys[i] = []any{organization, r.digest}
	}
	for part := range slices.Chunk(keys, ruleStep) {
		n, err := s.remove(ctx, ruleTable, part)
		if err == nil && n != int64(len(part)) {
			err = storage.ErrNotFound
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *session) addRules(ctx context.Context, organization string, add []rule) error {
	if len(add) == 0 {
		return nil
	}
	var place int64
	err := s.query(ctx, func(r *sql.Rows) error { return r.Scan(&place) },
		"SELECT COALESCE(MAX(place), 0) FROM gw_rule WHERE organization = ?", organization)
	if err != nil {
		return err
	}
	rows := make([][]any, len(add))
	for i, r := range add {
		place++
		rows[i] = []any{organization, r.digest, place, r.fields}
	}
	byDigest := func(x, y []any) int { return bytes.Compare(x[1].([]byte), y[1].([]byte)) }
	slices.SortFunc(rows, byDigest)
	for i := 1; i < len(rows); i++ {
		if byDigest(rows[i-1], rows[i]) == 0 {
			return storage.ErrExists
		}
	}
	for part := range slices.Chunk(rows, ruleStep) {
		inserted, err := s.insert(ctx, ruleTable, part)
		if errors.Is(err, errAlone) || err == nil && slices.Contains(inserted, false) {
			return storage.ErrExists
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// RuleHistory implements [storage.Rules].
func (s *Store) RuleHistory(ctx context.Context, organization string, before uint64, limit int) ([]storage.RuleChange, error) {
	if !storable(organization) {
		return nil, nil
	}
	return listed(ctx, s, "list rule history", func(r *sql.Rows) (c storage.RuleChange, err error) {
		var at int64
		var added, removed sql.RawBytes
		if err := r.Scan(&c.Organization, &c.Revision, &at, &c.Actor, &added, &removed); err != nil {
			return c, err
		}
		c.At = fromMillis(at)
		if err := json.Unmarshal(added, &c.Add); err != nil {
			return c, err
		}
		return c, json.Unmarshal(removed, &c.Remove)
	}, func(db *gorm.DB) *gorm.DB {
		query := db.Table("gw_rule_history").Select("organization, revision, happened_at, actor, added, removed").
			Where("organization = ?", organization).Order("revision DESC").Limit(limited(limit))
		if before > 0 {
			query = query.Where("revision < ?", int64(before))
		}
		return query
	})
}

// ListRuleSets implements [storage.Rules].
func (s *Store) ListRuleSets(ctx context.Context) ([]string, error) {
	return listed(ctx, s, "list rule sets", func(r *sql.Rows) (organization string, err error) {
		err = r.Scan(&organization)
		return organization, err
	}, func(db *gorm.DB) *gorm.DB {
		return db.Table("gw_ruleset s").Select("s.organization").
			Where("EXISTS (SELECT 1 FROM gw_rule r WHERE r.organization = s.organization)").Order("s.organization")
	})
}
