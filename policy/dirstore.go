package policy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	mu    sync.Mutex
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
	return &DirStore{dir: dir, model: m}, nil
}

// Model is the model in the directory.
func (s *DirStore) Model() Model { return s.model }

// state is the rules of every organization and the changes that made them.
type dirState struct {
	text    string
	rows    map[string][][]string
	history []Change // in the order they were made
	// unwritten is how many of them, at the end, are changes by hand that the
	// file of the history does not have.
	unwritten int
}

func (st *dirState) revision(organization string) uint64 {
	n := uint64(0)
	for _, c := range st.history {
		if c.Organization == organization {
			n = c.Revision
		}
	}
	return n
}

// read reads the directory; changes by hand become history entries that are not
// yet written.
func (s *DirStore) read() (*dirState, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, rulesFile))
	if err != nil {
		return nil, err
	}
	rules, err := ParseRules(rulesFile, string(text))
	if err != nil {
		return nil, err
	}
	if err := validateRules(s.model.def, rules).errors(); err != nil {
		return nil, err
	}
	st := &dirState{text: string(text), rows: map[string][][]string{}}
	for org, rows := range partition(s.model.def, rules.rows) {
		for _, r := range rows {
			st.rows[org] = append(st.rows[org], r.fields)
		}
	}
	if err := st.readHistory(filepath.Join(s.dir, historyFile)); err != nil {
		return nil, err
	}
	return st, st.byHand()
}

func (st *dirState) readHistory(file string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) != "" {
			var c Change
			if bad := json.Unmarshal([]byte(line), &c); bad != nil {
				return fmt.Errorf("policy: %s:%d: %w", historyFile, n, bad)
			}
			st.history = append(st.history, c)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
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
	for _, org := range slices.Sorted(maps.Keys(orgs)) {
		if d := diffRows(known[org], st.rows[org]); !d.IsEmpty() {
			st.history = append(st.history, Change{Organization: org, Revision: st.revision(org) + 1, Add: d.Added, Remove: d.Removed, At: time.Now().UTC(), Actor: "file"})
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
	return RuleSet{organization, st.revision(organization), st.rows[organization]}, ctx.Err()
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
	if err != nil {
		return nil, err
	}
	defer unlock()
	if st, err = s.read(); err != nil || st.unwritten == 0 {
		return st, err
	}
	info, err := os.Stat(filepath.Join(s.dir, rulesFile))
	if err != nil {
		return nil, err
	}
	if len(st.history) > st.unwritten && time.Since(info.ModTime()) < settled {
		st.history = st.history[:len(st.history)-st.unwritten]
		return st, nil
	}
	return st, s.writeHistory(st)
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

// editRules changes the text of a rules file and leaves comments and order as
// they are.
func editRules(text string, c Change) string {
	gone := map[string]bool{}
	for _, r := range c.Remove {
		gone[rowKey(r)] = true
	}
	var b strings.Builder
	for _, line := range strings.SplitAfter(text, "\n") {
		if r, err := parseRow(strings.TrimRight(line, "\r\n")); err == nil && r.fields != nil && gone[rowKey(r.fields)] {
			continue
		}
		b.WriteString(line)
	}
	if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
	for _, r := range c.Add {
		writeRow(&b, r, nil)
	}
	return b.String()
}

// writeFile replaces a file whole or not at all.
func writeFile(name, text string) error {
	// What a link leads to is replaced, not the link; and who may read the file
	// stays as it was.
	mode := fs.FileMode(0o644)
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
		if info, err := os.Stat(name); err == nil {
			mode = info.Mode().Perm()
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// staleLock is when a lock is taken for one that a process left behind.
const staleLock = 10 * time.Second

// lock takes the lock file.
func (s *DirStore) lock(ctx context.Context) (unlock func(), err error) {
	name := filepath.Join(s.dir, lockFile)
	for {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return func() { os.Remove(name) }, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > staleLock {
			os.Remove(name)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
