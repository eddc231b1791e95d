package policycmd

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/adapters/policystore"
	"github.com/gatewright/gatewright/policy"
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
	m, rules, err := filesIn(dir).Read()
	if err != nil {
		return nil, err
	}
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

// rows gives every row in force, those of the directory and those of a database
// on top of it.
func (p *place) rows(ctx context.Context, files policy.Rules) ([][]string, error) {
	rows := files.Rows()
	if p.files {
		return rows, nil
	}
	organizations, err := p.sets(ctx)
	if err != nil {
		return nil, err
	}
	for _, org := range organizations {
		set, err := p.live.Rules(ctx, org)
		if err != nil {
			return nil, err
		}
		rows = append(rows, set.Rows...)
	}
	return rows, nil
}

// storeFlag registers --store.
func storeFlag(f *flag.FlagSet) *string {
	return f.String("store", "", "sqlite:FILE, a database with rules on top of the directory's")
}
