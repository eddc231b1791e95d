package policycmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/adapters/policystore"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/policy/policytest"
)

// place is where rules are kept that the commands of change work on: in the
// directory of the policy, or in a database on top of it.
type place struct {
	live  *policy.Live
	model policy.Model
	sets  func(context.Context) ([]string, error)
	close func() error
	// files reports that the rules are those of the directory's policy.csv, and
	// not an addition to it.
	files bool
}

// open opens the policy of a directory for changes. With a store, "sqlite:FILE",
// the model and the rules of the directory are those of the program, and the
// changes are made in the database.
func (c *call) open(dir, store string) (*place, error) {
	if store == "" {
		files, err := policy.OpenDir(dir)
		if err != nil {
			return nil, err
		}
		live, err := policy.Open(c.ctx, policy.Config{Model: files.Model(), Rules: policy.RulesOf()}, files, policy.SyncConfig{Lease: time.Minute})
		return &place{live: live, model: files.Model(), sets: files.RuleSets, close: func() error { return nil }, files: true}, err
	}
	file, ok := strings.CutPrefix(store, "sqlite:")
	if !ok || file == "" {
		return nil, usagef("--store is sqlite:FILE")
	}
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	m, rules, err := filesIn(dir).Read()
	if err != nil {
		return nil, err
	}
	db, err := sqlitestore.Open(c.ctx, file)
	if err != nil {
		return nil, err
	}
	records := policystore.New(db)
	live, err := policy.Open(c.ctx, policy.Config{Model: m, Rules: rules, InsecureAnySubject: !rules.NamesSubjects()}, records, policy.SyncConfig{Lease: time.Minute})
	if err != nil {
		return nil, errors.Join(err, db.Close(c.ctx))
	}
	return &place{live: live, model: m, sets: records.RuleSets, close: func() error { return db.Close(c.ctx) }}, nil
}

// readChanges reads rows with "+" or "-" before them.
// The rows to add are checked against the model, so that what is wrong is told
// with its place in the file.
func readChanges(m policy.Model, file, text string) (add, remove [][]string, err error) {
	added := policy.RulesOf()
	for i, line := range strings.Split(text, "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		row, err := policy.ParseRules(file, strings.Repeat("\n", i)+strings.Repeat(" ", indent+1)+line[1:])
		if err != nil {
			return nil, nil, err
		}
		if line[0] != '+' && line[0] != '-' || row.Len() != 1 {
			return nil, nil, &policy.InvalidError{Findings: []policy.Finding{{Level: policy.Error, Code: "bad-change", File: file, Line: i + 1, Column: 1,
				Message: fmt.Sprintf("%q is no change", line), Fix: "write + before a row to add, - before one to remove"}}}
		}
		if line[0] == '+' {
			add, added = append(add, row.Rows()...), added.Join(row)
		} else {
			remove = append(remove, row.Rows()...)
		}
	}
	var wrong []policy.Finding
	for _, f := range policy.Lint("", m.Text(), added) {
		if f.Level == policy.Error && f.File == file {
			wrong = append(wrong, f)
		}
	}
	if wrong != nil {
		return nil, nil, &policy.InvalidError{Findings: wrong}
	}
	return add, remove, nil
}

func runApply(c *call) error {
	f := c.flags()
	dry := f.Bool("dry-run", false, "check and test only")
	revision := f.Int64("revision", -1, "refuse unless the rules have this revision")
	actor := f.String("actor", "", "who makes the change")
	noTest := f.Bool("no-test", false, "do not run the test suites of the directory")
	store := f.String("store", "", "sqlite:FILE, a database with rules on top of the directory's")
	args, err := c.parse(f)
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return usagef("name a directory and a file of changes (- for standard input)")
	}
	at, err := c.open(args[0], *store)
	if err != nil {
		return err
	}
	defer at.close()
	add, remove, err := c.changes(at.model, args[1])
	if err != nil {
		return err
	}
	organization, err := at.model.OrganizationOf(append(add, remove...)...)
	if err != nil {
		return err
	}
	now, err := at.live.Rules(c.ctx, organization)
	if err != nil {
		return err
	}
	change := policy.Change{Organization: organization, Revision: now.Revision, Add: add, Remove: remove, Actor: *actor, At: time.Now().UTC()}
	if *revision >= 0 {
		change.Revision = uint64(*revision)
	}
	return c.apply(at, args[0], change, *dry, *noTest)
}

// changes reads a file of changes, or standard input.
func (c *call) changes(m policy.Model, file string) (add, remove [][]string, err error) {
	var text []byte
	if file == "-" {
		text, err = io.ReadAll(c.io.In)
	} else {
		text, err = disk{}.ReadFile(file)
	}
	if err != nil {
		return nil, nil, err
	}
	add, remove, err = readChanges(m, file, string(text))
	if err == nil && len(add)+len(remove) == 0 {
		err = usagef("%s holds no changes", file)
	}
	return add, remove, err
}

// apply checks and tests a change, and stores it unless it is a dry run.
func (c *call) apply(at *place, dir string, change policy.Change, dry, noTest bool) error {
	p, err := at.live.Prepare(c.ctx, change)
	if err != nil {
		return err
	}
	if !noTest {
		if err := c.testChange(at, dir, change); err != nil {
			return err
		}
	}
	revision := change.Revision
	if !dry {
		if revision, err = p.Store(c.ctx); err != nil {
			return err
		}
	}
	if c.format == "json" {
		c.json(map[string]any{"organization": change.Organization, "revision": revision, "applied": !dry, "change": p.Difference()})
		return nil
	}
	c.printf("%s", p.Difference())
	if dry {
		c.printf("nothing applied; the rules of %q stay at revision %d\n", change.Organization, revision)
		return nil
	}
	c.printf("applied; the rules of %q are at revision %d\n", change.Organization, revision)
	return nil
}

// testChange runs the suites of a directory against the rules as they will be:
// those of the directory, and of a database on top of it.
func (c *call) testChange(at *place, dir string, change policy.Change) error {
	m, rules, err := filesIn(dir).Read()
	if err != nil {
		return err
	}
	rows := rules.Rows()
	if !at.files {
		organizations, err := at.sets(c.ctx)
		if err != nil {
			return err
		}
		for _, org := range organizations {
			set, err := at.live.Rules(c.ctx, org)
			if err != nil {
				return err
			}
			rows = append(rows, set.Rows...)
		}
	}
	gone := map[string]bool{}
	for _, r := range change.Remove {
		gone[strings.Join(r, "\x00")] = true
	}
	next := [][]string{}
	for _, r := range rows {
		if !gone[strings.Join(r, "\x00")] {
			next = append(next, r)
		}
	}
	changed := policy.RulesOf(append(next, change.Add...)...)
	var failed []policytest.Report
	for _, file := range suites(dir) {
		s, err := policytest.Read(disk{}, file)
		if err != nil {
			return err
		}
		if s.Model != "model.conf" || len(s.Rules) != 1 || s.Rules[0] != "policy.csv" {
			continue // about other files
		}
		e, err := policy.New(policy.Config{Model: m, Rules: changed, InsecureAnySubject: s.AnySubject})
		if err != nil {
			return err
		}
		report, err := s.Run(c.ctx, e, changed)
		if err != nil {
			return err
		}
		if report.Failed > 0 {
			// What the change leaves uncovered is for the command test to tell.
			report.Coverage.Unused, report.Coverage.Short = nil, false
			failed = append(failed, report)
		}
	}
	if failed == nil {
		return nil
	}
	fmt.Fprintf(c.io.Err, "gatewright policy %s: tests fail with this change; nothing was applied\n", c.command.name)
	return c.reports(failed)
}

func runHistory(c *call) error {
	f := c.flags()
	organization := f.String("org", "", "one organization; all if not given")
	limit := f.Int("limit", 50, "how many changes")
	store := f.String("store", "", "sqlite:FILE, a database with rules on top of the directory's")
	args, err := c.parse(f)
	if err != nil {
		return err
	}
	dir, err := directory(args)
	if err != nil {
		return err
	}
	at, err := c.open(dir, *store)
	if err != nil {
		return err
	}
	defer at.close()
	organizations := []string{*organization}
	if *organization == "" {
		if organizations, err = at.sets(c.ctx); err != nil {
			return err
		}
	}
	all := []policy.Change{}
	for _, org := range organizations {
		changes, err := at.live.History(c.ctx, org, 0, *limit)
		if err != nil {
			return err
		}
		all = append(all, changes...)
	}
	if c.format == "json" {
		c.json(map[string]any{"changes": all})
		return nil
	}
	for _, change := range all {
		c.printf("%s revision %d, %s, by %s\n", change.Organization, change.Revision, change.At.Format(time.RFC3339), orNobody(change.Actor))
		c.printf("%s", policy.Difference{Added: change.Add, Removed: change.Remove})
	}
	return nil
}

func orNobody(actor string) string {
	if actor == "" {
		return "nobody named"
	}
	return actor
}

func runRollback(c *call) error {
	f := c.flags()
	organization := f.String("org", "", "organization, or * for the rules of every one")
	to := f.Int64("to", -1, "revision to go back to")
	dry := f.Bool("dry-run", false, "check and test only")
	actor := f.String("actor", "", "who makes the change")
	noTest := f.Bool("no-test", false, "do not run the test suites of the directory")
	store := f.String("store", "", "sqlite:FILE, a database with rules on top of the directory's")
	args, err := c.parse(f)
	if err != nil {
		return err
	}
	dir, err := directory(args)
	if err != nil {
		return err
	}
	if *organization == "" || *to < 0 {
		return usagef("--org and --to are required")
	}
	at, err := c.open(dir, *store)
	if err != nil {
		return err
	}
	defer at.close()
	change, err := at.live.RollbackTo(c.ctx, *organization, uint64(*to))
	if err != nil {
		return err
	}
	change.Actor, change.At = *actor, time.Now().UTC()
	return c.apply(at, dir, change, *dry, *noTest)
}

func runDiff(c *call) error {
	f := c.flags()
	organization := f.String("org", "", "organization, or * for the rules of every one")
	from := f.Int64("from", -1, "revision")
	to := f.Int64("to", -1, "revision")
	store := f.String("store", "", "sqlite:FILE, a database with rules on top of the directory's")
	args, err := c.parse(f)
	if err != nil {
		return err
	}
	var d policy.Difference
	switch {
	case *organization != "" && *from >= 0 && *to >= 0 && len(args) == 1:
		at, err := c.open(args[0], *store)
		if err != nil {
			return err
		}
		defer at.close()
		if d, err = at.live.Diff(c.ctx, *organization, uint64(*from), uint64(*to)); err != nil {
			return err
		}
	case *organization == "" && *from < 0 && *to < 0 && len(args) == 2:
		old, err := readRules(args[0])
		if err != nil {
			return err
		}
		next, err := readRules(args[1])
		if err != nil {
			return err
		}
		d = policy.Diff(old, next)
	default:
		return usagef("name two directories or files; or --org, --from, --to and a directory")
	}
	if c.format == "json" {
		c.json(d)
		return nil
	}
	c.printf("%s", d)
	if d.IsEmpty() {
		c.printf("no difference\n")
	}
	return nil
}

// readRules reads the rules of a directory, or of one file.
func readRules(name string) (policy.Rules, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "policy.csv")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return policy.Rules{}, err
	}
	return policy.ParseRules(name, string(text))
}
