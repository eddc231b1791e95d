package policy

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func openDirStore(t *testing.T, rules string) (*DirStore, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, modelFile), DefaultModel().Text())
	write(t, filepath.Join(dir, rulesFile), rules)
	s, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

const dirRules = "# tills\np, role:teller, acme, till:*, open, allow\n\n# elsewhere\np, role:x, globex, doc, read, allow\n"

func TestDirStoreKeepsCommentsAndOrder(t *testing.T) {
	t.Parallel()
	s, dir := openDirStore(t, dirRules)
	set, err := s.LoadRules(t.Context(), "acme")
	if err != nil || set.Revision != 1 || len(set.Rows) != 1 {
		t.Fatalf("%+v %v", set, err)
	}
	revision, err := s.ApplyRules(t.Context(), Change{Organization: "acme", Revision: 1, Add: [][]string{tellerStops}, Remove: [][]string{tellerOpens}})
	if err != nil || revision != 2 {
		t.Fatalf("%d %v", revision, err)
	}
	text, _ := os.ReadFile(filepath.Join(dir, rulesFile))
	if want := "# tills\n\n# elsewhere\np, role:x, globex, doc, read, allow\np, role:teller, acme, till:9, open, deny\n"; string(text) != want {
		t.Errorf("%q", text)
	}
	history, err := s.RuleHistory(t.Context(), "acme", 0, 10)
	if err != nil || len(history) != 2 || history[1].Actor != "file" || history[0].At.IsZero() {
		t.Errorf("%+v %v", history, err)
	}
}

func TestDirStoreRefuses(t *testing.T) {
	t.Parallel()
	s, dir := openDirStore(t, dirRules)
	for name, c := range map[string]Change{
		"an old revision":      {Organization: "acme", Revision: 0, Add: [][]string{tellerStops}},
		"a row that is there":  {Organization: "acme", Revision: 1, Add: [][]string{tellerOpens}},
		"a row that is not":    {Organization: "acme", Revision: 1, Remove: [][]string{tellerStops}},
		"another organization": {Organization: "globex", Revision: 1, Remove: [][]string{tellerOpens}},
	} {
		if _, err := s.ApplyRules(t.Context(), c); err == nil {
			t.Errorf("%s: is applied", name)
		}
		text, _ := os.ReadFile(filepath.Join(dir, rulesFile))
		if string(text) != dirRules {
			t.Fatalf("%s: the file changed: %q", name, text)
		}
	}
	if _, err := OpenDir(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	write(t, filepath.Join(dir, historyFile), "{\"organization\":\"acme\",\"revision\":1,\"remove\":[[\"p\"]]}\n")
	if _, err := s.LoadRules(t.Context(), "acme"); err == nil {
		t.Error("a history that does not fit is accepted")
	}
	write(t, filepath.Join(dir, historyFile), "not json\n")
	if _, err := s.RuleNews(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "history.jsonl:1") {
		t.Errorf("a broken history: %v", err)
	}
}

func TestDirStoreTakesEditsByHandIntoTheHistory(t *testing.T) {
	t.Parallel()
	s, dir := openDirStore(t, dirRules)
	news, err := s.RuleNews(t.Context(), 0)
	if err != nil || news.Head != 2 {
		t.Fatalf("%+v %v", news, err)
	}
	file := filepath.Join(dir, rulesFile)
	write(t, file, dirRules+"p, role:teller, acme, till:9, open, deny\n")
	if n, err := s.RuleNews(t.Context(), news.Next); err != nil || len(n.Changed) != 0 {
		t.Errorf("an edit that may not be finished: %+v %v", n, err)
	}
	old := time.Now().Add(-time.Second)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	n, err := s.RuleNews(t.Context(), news.Next)
	if err != nil || len(n.Changed) != 1 || n.Changed[0] != (RuleRevision{"acme", 2}) {
		t.Errorf("a finished edit: %+v %v", n, err)
	}
	if _, err := s.ApplyRules(t.Context(), Change{Organization: "acme", Revision: 1, Remove: [][]string{tellerOpens}}); !errors.Is(err, ErrConflict) {
		t.Errorf("a change against the rules before the edit: %v", err)
	}
}

// TestDirStoreAppliesOneOfManyWriters: of writers with the same revision one
// wins, whichever process or handle they use.
func TestDirStoreAppliesOneOfManyWriters(t *testing.T) {
	t.Parallel()
	s, dir := openDirStore(t, dirRules)
	other, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		store := []*DirStore{s, other}[i%2]
		row := []string{"p", "role:r" + string(rune('a'+i)), "acme", "doc", "read", "allow"}
		wg.Go(func() {
			_, err := store.ApplyRules(t.Context(), Change{Organization: "acme", Revision: 1, Add: [][]string{row}})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if set, err := s.LoadRules(t.Context(), "acme"); won != 1 || err != nil || set.Revision != 2 || len(set.Rows) != 2 {
		t.Errorf("%d won; %+v %v", won, set, err)
	}
}

// TestDirStoreKeepsEndsOfLines: a file that was written on Windows stays one.
func TestDirStoreKeepsEndsOfLines(t *testing.T) {
	t.Parallel()
	s, dir := openDirStore(t, strings.ReplaceAll(strings.TrimSuffix(dirRules, "\n"), "\n", "\r\n"))
	if _, err := s.ApplyRules(t.Context(), Change{Organization: "acme", Revision: 1, Add: [][]string{tellerStops}, Remove: [][]string{tellerOpens}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, rulesFile))
	if want := "# tills\r\n\r\n# elsewhere\r\np, role:x, globex, doc, read, allow\r\np, role:teller, acme, till:9, open, deny\r\n"; err != nil || string(text) != want {
		t.Errorf("%q %v", text, err)
	}
}

// TestDirStoreReadsWhatChanged: files that did not change are not taken apart
// again, those that did are, and what was handed out is nobody else's.
func TestDirStoreReadsWhatChanged(t *testing.T) {
	t.Parallel()
	s, dir := openDirStore(t, dirRules)
	set, err := s.LoadRules(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	first := s.last
	set.Rows[0][1] = "role:mine"
	if all, err := s.LoadAllRules(t.Context()); err != nil || s.last != first {
		t.Errorf("%v %v", all, err)
	}
	if set, err = s.LoadRules(t.Context(), "acme"); err != nil || !sameRow(set.Rows[0], tellerOpens) {
		t.Errorf("%+v %v", set, err)
	}
	write(t, filepath.Join(dir, rulesFile), strings.Replace(dirRules, "till:*", "till:7", 1)) // as many bytes
	if set, err = s.LoadRules(t.Context(), "acme"); err != nil || set.Rows[0][3] != "till:7" {
		t.Errorf("%+v %v", set, err)
	}
	if err := os.Remove(filepath.Join(dir, rulesFile)); err != nil {
		t.Fatal(err)
	}
	if set, err = s.LoadRules(t.Context(), "acme"); err == nil {
		t.Errorf("%+v", set)
	}
}

// TestDirStoreThatMayNotBeWritten: a directory of which nothing may be written,
// such as one that a platform mounts, is followed all the same.
func TestDirStoreThatMayNotBeWritten(t *testing.T) {
	t.Parallel()
	for _, refusal := range []error{fs.ErrPermission, syscall.EROFS} {
		s, dir := openDirStore(t, dirRules)
		s.createLock = func(name string, _ int, _ fs.FileMode) (*os.File, error) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: refusal}
		}
		l, err := Open(t.Context(), Config{Model: s.Model(), Rules: RulesOf()}, s, SyncConfig{Lease: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		q := Question{Organization: "acme", Subject: "key:1", Roles: []string{"teller"}, Object: "till:7", Action: "open"}
		if reason := reasonOf(t, l.Engine(), q); reason != ReasonAllowed {
			t.Errorf("%v: %s", refusal, reason)
		}
		if history, err := l.History(t.Context(), "acme", 0, 5); err != nil || len(history) != 1 || history[0].Actor != "file" {
			t.Errorf("%v: %+v %v", refusal, history, err)
		}
		if _, err := l.Apply(t.Context(), Change{Organization: "acme", Revision: 1, Add: [][]string{tellerStops}}); !errors.Is(err, refusal) {
			t.Errorf("%v: a change is answered by %v", refusal, err)
		}
		write(t, filepath.Join(dir, rulesFile), strings.Replace(dirRules, "till:*", "till:9", 1))
		eventually(t, "the mounted change", func() bool {
			if err := l.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			return reasonOf(t, l.Engine(), q) == ReasonNoMatchingRule
		})
		if _, err := os.Stat(filepath.Join(dir, historyFile)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: a history was written: %v", refusal, err)
		}
	}
}

// TestStoreThatReadsAllAtOnce: a store that can is not asked for one organization
// after the other.
func TestStoreThatReadsAllAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := openDirStore(t, dirRules)
	all := &onlyAtOnce{DirStore: s}
	l, err := Open(t.Context(), Config{Model: s.Model(), Rules: RulesOf()}, all, SyncConfig{Lease: time.Minute})
	if err != nil || all.single > 1 { // one set is compared anew at each poll
		t.Fatalf("%v, %d readings of one set", err, all.single)
	}
	if reason := reasonOf(t, l.Engine(), Question{Organization: "globex", Subject: "key:1", Roles: []string{"x"}, Object: "doc", Action: "read"}); reason != ReasonAllowed {
		t.Error(reason)
	}
	all.fail = errors.New("away")
	if _, err := Open(t.Context(), Config{Model: s.Model(), Rules: RulesOf()}, all, SyncConfig{}); !errors.Is(err, all.fail) {
		t.Error(err)
	}
}

// onlyAtOnce counts readings of single sets.
type onlyAtOnce struct {
	*DirStore
	single int
	fail   error
}

func (s *onlyAtOnce) LoadRules(ctx context.Context, organization string) (RuleSet, error) {
	s.single++
	return s.DirStore.LoadRules(ctx, organization)
}

func (s *onlyAtOnce) LoadAllRules(ctx context.Context) ([]RuleSet, error) {
	sets, err := s.DirStore.LoadAllRules(ctx)
	return sets, errors.Join(err, s.fail)
}
