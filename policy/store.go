package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Store keeps rules, with compare-and-swap on a revision of each organization.
// It is an interface of plain types, which a package that must not import this
// one serves through a small adapter. Every method is safe for concurrent use.
type Store interface {
	// LoadRules reads the rules of one organization, or those for every one
	// ("*"). One that has none has revision 0.
	LoadRules(ctx context.Context, organization string) (RuleSet, error)
	// ApplyRules removes and then adds rows if the revision is still
	// c.Revision, in one transaction, that of the context where there is one,
	// and gives the new revision. [ErrConflict] if it is not.
	ApplyRules(ctx context.Context, c Change) (revision uint64, err error)
	// RuleHistory lists the changes of an organization, the newest first, those
	// that led to a revision below before (0 for all), at most limit.
	RuleHistory(ctx context.Context, organization string, before uint64, limit int) ([]Change, error)
	// RuleSets names the organizations that have rules, "*" among them.
	RuleSets(ctx context.Context) ([]string, error)
	// RuleNews tells whose rules changed after a cursor, 0 for all.
	RuleNews(ctx context.Context, cursor uint64) (News, error)
}

// AllRules is a [Store] that can read every set at once, which spares an engine
// that starts a reading for each organization.
type AllRules interface {
	LoadAllRules(ctx context.Context) ([]RuleSet, error)
}

// RuleSet is the rules of one organization, or of every one.
type RuleSet struct {
	Organization string
	// Revision counts the changes, 0 for a set that never had one.
	Revision uint64
	Rows     [][]string
}

// Change is a change of the rules of one organization, or of every one ("*").
type Change struct {
	Organization string `json:"organization"`
	// Revision is the one the change was made against; in a history, the one it
	// led to.
	Revision uint64     `json:"revision"`
	Add      [][]string `json:"add,omitempty"`
	Remove   [][]string `json:"remove,omitempty"`
	At       time.Time  `json:"at"`
	// Actor is who made it: "user:...", "key:...", "host".
	Actor string `json:"actor,omitempty"`
}

// News is what changed in a store.
type News struct {
	// Changed are organizations and their revisions now, "*" for every one. One
	// may be told more than once.
	Changed []RuleRevision
	// Next is the cursor for the following call.
	Next uint64
	// Head is the highest cursor there ever was. Below the caller's cursor, it
	// means that the store went back in time, and all is loaded anew.
	Head uint64
	// More reports that there is more to read at once.
	More bool
}

// RuleRevision is an organization and the revision of its rules.
type RuleRevision struct {
	Organization string
	Revision     uint64
}

// ErrConflict: the rules have changed since the caller read them.
var ErrConflict = errors.New("policy: the rules have changed since they were read")

// ConflictError tells the revision that a change was made against, and the one
// there is.
type ConflictError struct {
	Organization string
	Want, Have   uint64
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("policy: the change was made against revision %d, and the rules are at %d", e.Want, e.Have)
}

// Unwrap gives [ErrConflict].
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Refusal says how the error is told to a client of an administrative API.
func (e *ConflictError) Refusal() (status int, code string) { return 409, "policy_changed" }

// apply gives rows after a change. Removing a row that is not there, and adding
// one that is, are errors that name it.
func (c Change) apply(rows [][]string) ([][]string, error) {
	var found findings
	place := map[string]bool{}
	for _, r := range rows {
		place[rowKey(r)] = true
	}
	gone := map[string]bool{}
	for _, r := range c.Remove {
		key := rowKey(r)
		if !place[key] {
			found.add(Finding{Level: Error, Code: "row-missing", Message: "there is no rule " + strings.Join(r, ", ") + " to remove", Fix: "read the rules again"})
		}
		delete(place, key)
		gone[key] = true
	}
	next := slices.DeleteFunc(slices.Clone(rows), func(r []string) bool { return gone[rowKey(r)] })
	for _, r := range c.Add {
		key := rowKey(r)
		if place[key] {
			found.add(Finding{Level: Error, Code: "row-exists", Message: "there is a rule " + strings.Join(r, ", ") + " already", Fix: "leave it out"})
		}
		place[key] = true
		next = append(next, slices.Clone(r))
	}
	return next, found.errors()
}

// undo is the change that takes this one back.
func (c Change) undo() Change {
	return Change{Organization: c.Organization, Add: c.Remove, Remove: c.Add}
}

// Difference is what turns some rules into others.
type Difference struct {
	Added   [][]string `json:"added"`
	Removed [][]string `json:"removed"`
}

// IsEmpty reports whether there is none.
func (d Difference) IsEmpty() bool { return len(d.Added)+len(d.Removed) == 0 }

// String writes a row a line, "+" or "-" before it.
func (d Difference) String() string {
	var b strings.Builder
	for _, r := range d.Removed {
		b.WriteString("- ")
		writeRow(&b, r, nil)
	}
	for _, r := range d.Added {
		b.WriteString("+ ")
		writeRow(&b, r, nil)
	}
	return b.String()
}

// Diff tells the rows that are in the one and not in the other. The order of
// rows means nothing.
func Diff(from, to Rules) Difference { return diffRows(from.Rows(), to.Rows()) }

func diffRows(from, to [][]string) Difference {
	d := Difference{Added: [][]string{}, Removed: [][]string{}}
	in := func(rows [][]string) map[string]bool {
		m := map[string]bool{}
		for _, r := range rows {
			m[rowKey(r)] = true
		}
		return m
	}
	before, after := in(from), in(to)
	for _, r := range from {
		if !after[rowKey(r)] {
			after[rowKey(r)] = true
			d.Removed = append(d.Removed, r)
		}
	}
	for _, r := range to {
		if !before[rowKey(r)] {
			before[rowKey(r)] = true
			d.Added = append(d.Added, r)
		}
	}
	return d
}
