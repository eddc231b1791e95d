package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// DirStore is a [Store] in a directory: model.conf, policy.csv, which people may
// edit by hand as well, and history.jsonl, the log of every change. A change by
// hand enters the log, with the actor "file", before the next one is applied.
// Several processes may use one directory; a lock file keeps their changes
// apart. It is meant for policies that live beside a program, not for
// thousands of organizations.
type DirStore struct {
	dir   string
	model Model
	mu    sync.Mutex // one change at a time
	// last is what the files said when they were last read, so that files which
	// did not change are not taken apart again.
	last   *dirState
	lastMu sync.Mutex
	// createLock makes the lock file: os.OpenFile, but for tests.
	createLock func(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// Names of the files of a [DirStore].
const (
	modelFile   = "model.conf"
	rulesFile   = "policy.csv"
	historyFile = "history.jsonl"
	lockFile    = ".policy.lock"
)

// OpenDir opens the store in a directory that has model.conf and policy.csv.
func OpenDir(dir string) (*DirStore, error) {
	m, _, err := DefaultFiles(os.DirFS(dir)).Read()
	if err != nil {
		return nil, err
	}
	return &DirStore{dir: dir, model: m, createLock: os.OpenFile}, nil
}

// Model is the model in the directory.
func (s *DirStore) Model() Model { return s.model }

// state is the rules of every organization and the changes that made them.
type dirState struct {
	text    string // of the rules file
	log     string // of the history
	rows    map[string][][]string
	history []Change // in the order they were made
	// unwritten is how many of them, at the end, are changes by hand that the
	// file of the history does not have.
	unwritten int
}

func (st *dirState) revision(organization string) uint64 { return st.revisions()[organization] }

func (st *dirState) revisions() map[string]uint64 {
	revisions := map[string]uint64{}
	for _, c := range st.history {
		revisions[c.Organization] = c.Revision
	}
	return revisions
}

// read reads the directory; changes by hand become history entries that are not
// yet written. What it gives may be changed, but for the elements of its lists.
func (s *DirStore) read() (*dirState, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, rulesFile))
	if err != nil {
		return nil, err
	}
	log, err := os.ReadFile(filepath.Join(s.dir, historyFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.lastMu.Lock()
	defer s.lastMu.Unlock()
	if s.last == nil || s.last.text != string(text) || s.last.log != string(log) {
		st, err := s.parse(string(text), string(log))
		if err != nil {
			return nil, err
		}
		s.last = st
	}
	st := *s.last
	st.history = slices.Clip(st.history)
	return &st, nil
}

// parse takes the two files apart.
func (s *DirStore) parse(text, log string) (*dirState, error) {
	rules, err := ParseRules(rulesFile, text)
	if err != nil {
		return nil, err
	}
	if err := validateRules(s.model.def, rules).errors(); err != nil {
		return nil, err
	}
	st := &dirState{text: text, log: log, rows: map[string][][]string{}}
	for org, rows := range partition(s.model.def, rules.rows) {
		for _, r := range rows {
			st.rows[org] = append(st.rows[org], r.fields)
		}
	}
	if err := st.readHistory(log); err != nil {
		return nil, err
	}
	return st, st.byHand()
}

func (st *dirState) readHistory(log string) error {
	n := 0
	for line := range strings.Lines(log) {
		n++
		if strings.TrimSpace(line) == "" {
			continue
		}
		var c Change
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return fmt.Errorf("policy: %s:%d: %w", historyFile, n, err)
		}
		st.history = append(st.history, c)
	}
	return nil
}

// byHand adds what the history does not know yet.
func (st *dirState) byHand() error {
	known := map[string][][]string{}
	for _, c := range st.history {
		rows, err := c.apply(known[c.Organization])
		if err != nil {
			return fmt.Errorf("policy: %s does not fit together: %w", historyFile, err)
		}
		known[c.Organization] = rows
	}
	orgs := map[string]bool{}
	for org := range known {
		orgs[org] = true
	}
	for org := range st.rows {
		orgs[org] = true
	}
	revisions := st.revisions()
	for _, org := range slices.Sorted(maps.Keys(orgs)) {
		if d := diffRows(known[org], st.rows[org]); !d.IsEmpty() {
			st.history = append(st.history, Change{Organization: org, Revision: revisions[org] + 1, Add: d.Added, Remove: d.Removed, At: time.Now().UTC(), Actor: "file"})
			st.unwritten++
		}
	}
	return nil
}

// LoadRules implements [Store].
func (s *DirStore) LoadRules(ctx context.Context, organization string) (RuleSet, error) {
	st, err := s.read()
	if err != nil {
		return RuleSet{}, err
	}
	return RuleSet{organization, st.revision(organization), cloneRows(st.rows[organization])}, ctx.Err()
}

// cloneRows copies rows, for what was read is kept.
func cloneRows(rows [][]string) [][]string {
	clone := slices.Clone(rows)
	for i := range clone {
		clone[i] = slices.Clone(clone[i])
	}
	return clone
}

// LoadAllRules implements [AllRules].
func (s *DirStore) LoadAllRules(ctx context.Context) ([]RuleSet, error) {
	st, err := s.read()
	if err != nil {
		return nil, err
	}
	var sets []RuleSet
	revisions := st.revisions()
	for org, rows := range st.rows {
		sets = append(sets, RuleSet{org, revisions[org], cloneRows(rows)})
	}
	return sets, ctx.Err()
}

// RuleSets implements [Store].
func (s *DirStore) RuleSets(ctx context.Context) ([]string, error) {
	st, err := s.read()
	if err != nil {
		return nil, err
	}
	var names []string
	for org := range st.rows {
		names = append(names, org)
	}
	return names, ctx.Err()
}

// RuleHistory implements [Store].
func (s *DirStore) RuleHistory(ctx context.Context, organization string, before uint64, limit int) ([]Change, error) {
	st, err := s.read()
	if err != nil {
		return nil, err
	}
	var changes []Change
	for i := len(st.history) - 1; i >= 0 && len(changes) < limit; i-- {
		if c := st.history[i]; c.Organization == organization && (before == 0 || c.Revision < before) {
			c.Add, c.Remove = cloneRows(c.Add), cloneRows(c.Remove)
			changes = append(changes, c)
		}
	}
	return changes, ctx.Err()
}

// RuleNews implements [Store].
func (s *DirStore) RuleNews(ctx context.Context, cursor uint64) (News, error) {
	st, err := s.absorb(ctx)
	if err != nil {
		return News{}, err
	}
	head := uint64(len(st.history))
	news := News{Next: max(cursor, head), Head: head}
	for i := min(cursor, head); i < head; i++ {
		news.Changed = append(news.Changed, RuleRevision{st.history[i].Organization, st.history[i].Revision})
	}
	return news, ctx.Err()
}

// settled is how long a file must have been left alone before a change by hand
// is taken for finished.
const settled = 250 * time.Millisecond

// absorb writes finished changes by hand into the history, and leaves unfinished
// ones out.
func (s *DirStore) absorb(ctx context.Context) (*dirState, error) {
	st, err := s.read()
	if err != nil || st.unwritten == 0 {
		return st, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := s.lock(ctx)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		// A directory that may not be written is somebody else's to change: what
		// it holds counts, and is not written down.
		_, err := s.leaveUnfinished(st)
		return st, err
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	if st, err = s.read(); err != nil || st.unwritten == 0 {
		return st, err
	}
	if left, err := s.leaveUnfinished(st); err != nil || left {
		return st, err
	}
	return st, s.writeHistory(st)
}

// leaveUnfinished leaves a change by hand out that may still go on. The first
// state of all is taken as it is.
func (s *DirStore) leaveUnfinished(st *dirState) (left bool, err error) {
	info, err := os.Stat(filepath.Join(s.dir, rulesFile))
	if err != nil || len(st.history) == st.unwritten || time.Since(info.ModTime()) >= settled {
		return false, err
	}
	st.history = st.history[:len(st.history)-st.unwritten]
	return true, nil
}

func (s *DirStore) writeHistory(st *dirState) error {
	var lines strings.Builder
	encoder := json.NewEncoder(&lines)
	for _, entry := range st.history {
		if err := encoder.Encode(entry); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(s.dir, historyFile), lines.String())
}

// ApplyRules implements [Store].
func (s *DirStore) ApplyRules(ctx context.Context, c Change) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := s.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	st, err := s.read()
	if err != nil {
		return 0, err
	}
	if have := st.revision(c.Organization); have != c.Revision {
		return 0, &ConflictError{c.Organization, c.Revision, have}
	}
	if _, err := c.apply(st.rows[c.Organization]); err != nil {
		return 0, err
	}
	c.Revision++
	if c.At.IsZero() {
		c.At = time.Now().UTC()
	}
	st.history = append(st.history, c)
	// The rules first: should the history not follow, they are taken for an
	// edit by hand, and nothing is lost but the name of the actor.
	if err := writeFile(filepath.Join(s.dir, rulesFile), editRules(st.text, c)); err != nil {
		return 0, err
	}
	return c.Revision, s.writeHistory(st)
}
