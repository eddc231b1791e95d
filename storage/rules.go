package storage

import (
	"context"
	"time"
)

// RuleSet is the policy rules of one organization, or of all ("*"), as rows in
// Casbin's own order of fields: "p" or "g" first.
type RuleSet struct {
	Organization string
	// Revision counts the changes applied, 0 for a set that never was.
	Revision uint64
	Rows     [][]string
}

// RuleChange is one applied change, as history keeps it.
type RuleChange struct {
	Organization string
	// Revision is the one it starts from when it is applied, and the one it made
	// when history lists it.
	Revision uint64
	Add      [][]string
	Remove   [][]string
	At       time.Time
	Actor    string
}

// Rules keeps policy rules with compare-and-swap on a revision.
type Rules interface {
	// LoadRules reads the rules of one organization, or of "*".
	LoadRules(ctx context.Context, organization string) (RuleSet, error)
	// ApplyRules removes and then adds rows if the revision is still c.Revision;
	// [ErrConflict] if not. Removing a missing row or adding a present one is
	// [ErrNotFound] or [ErrExists], and nothing is applied. The change's Version
	// is the new revision.
	ApplyRules(ctx context.Context, c RuleChange, e Event) (Change, error)
	// RuleHistory lists applied changes, the newest first, those before the
	// given revision (0 for all).
	RuleHistory(ctx context.Context, organization string, before uint64, limit int) ([]RuleChange, error)
	// ListRuleSets names the organizations that have rules.
	ListRuleSets(ctx context.Context) ([]string, error)
}
