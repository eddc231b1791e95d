package policy

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// startWatching watches a directory with the starter policy.
func startWatching(t *testing.T) (dir string, e *Engine, reloads *atomic.Int64, failures chan error) {
	t.Helper()
	dir = t.TempDir()
	template, err := FindTemplate("organizations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := template.Write(dir); err != nil {
		t.Fatal(err)
	}
	m, rules, err := DefaultFiles(os.DirFS(dir)).Read()
	if err != nil {
		t.Fatal(err)
	}
	e, err = New(Config{Model: m, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	reloads, failures = new(atomic.Int64), make(chan error, 100)
	go e.Watch(t.Context(), DefaultFiles(os.DirFS(dir)), WatchConfig{
		Poll: 5 * time.Millisecond, OnReload: func() { reloads.Add(1) }, OnError: func(err error) { failures <- err },
	})
	return dir, e, reloads, failures
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: not within 5 s", what)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWatchPutsEditsInForce(t *testing.T) {
	t.Parallel()
	dir, e, _, failures := startWatching(t)
	rules := filepath.Join(dir, "policy.csv")
	till := Question{Organization: "acme", Subject: "key:1", Roles: []string{"teller"}, Object: "till:9", Action: "open"}
	reason := func() string { d, _ := e.Decide(t.Context(), till); return d.Reason }
	if reason() != ReasonNoMatchingRule {
		t.Fatal(reason())
	}
	const opens, stops = "p, role:teller, acme, till:*, open, allow\n", "p, role:teller, acme, till:9, open, deny\n"
	write(t, rules, opens)
	eventually(t, "a file written in place", func() bool { return reason() == ReasonAllowed })

	// An editor that writes a new file and renames it.
	write(t, rules+".new", opens+stops)
	if err := os.Rename(rules+".new", rules); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a file renamed into place", func() bool { return reason() == ReasonExplicitDeny })

	// An editor that removes the file first.
	if err := os.Remove(rules); err != nil {
		t.Fatal(err)
	}
	if err := <-failures; !errors.Is(err, os.ErrNotExist) {
		t.Errorf("told %v of a missing file", err)
	}
	if reason() != ReasonExplicitDeny {
		t.Error("a missing file changed something")
	}
	write(t, rules, opens)
	eventually(t, "a file that came back", func() bool { return reason() == ReasonAllowed })

	// A broken file changes nothing, and is told once.
	write(t, rules, stops+"p, role:teller, acme\n")
	var invalid *InvalidError
	if err := <-failures; !errors.As(err, &invalid) || invalid.Findings[0].Line != 2 {
		t.Errorf("told %v", err)
	}
	time.Sleep(50 * time.Millisecond)
	if reason() != ReasonAllowed || len(failures) != 0 {
		t.Errorf("%s, %d more failures told", reason(), len(failures))
	}
	write(t, rules, stops)
	eventually(t, "the mended file", func() bool { return reason() == ReasonExplicitDeny })

	// Another model.
	write(t, rules, "p, role:teller, till:*, open, allow\n")
	write(t, filepath.Join(dir, "model.conf"), libraryText("deny"))
	till.Organization = ""
	eventually(t, "another model", func() bool { return reason() == ReasonAllowed })
}

// TestWatchNeverReadsHalfAFile: a writer that writes in pieces, with pauses
// shorter than the time between two readings, is read whole or not at all.
func TestWatchNeverReadsHalfAFile(t *testing.T) {
	t.Parallel()
	m, err := ParseModel("m", libraryText("organizations"))
	if err != nil {
		t.Fatal(err)
	}
	whole := "p, role:x, *, doc, read, allow\np, role:x, *, doc, read, deny\n"
	e, err := New(Config{Model: m, Rules: RulesOf()})
	if err != nil {
		t.Fatal(err)
	}
	pieces := &piecewise{model: libraryText("organizations"), rules: []string{"", whole[:31], whole[:31], whole}}
	w := watcher{engine: e, files: DefaultFiles(pieces)}
	q := Question{Organization: "o", Subject: "key:1", Roles: []string{"x"}, Object: "doc", Action: "read"}
	for range 2 {
		w.look() // empty, then the first half
		if d, _ := e.Decide(t.Context(), q); d.Allowed {
			t.Fatalf("half a file is in force: %+v", d)
		}
		pieces.next++
	}
	pieces.next = 3
	w.look()
	w.look()
	if d, _ := e.Decide(t.Context(), q); d.Reason != ReasonExplicitDeny {
		t.Errorf("the whole file is not in force: %+v", d)
	}
}

func TestFilesKeepTheRulesOfTheProgram(t *testing.T) {
	t.Parallel()
	f := DefaultFiles(&piecewise{model: libraryText("organizations"), rules: []string{"p, role:teller, acme, till, open, allow\n"}})
	f.Base = DefaultRules()
	m, rules, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Model: m, Rules: RulesOf()})
	if err != nil {
		t.Fatal(err)
	}
	w := watcher{engine: e, files: f}
	w.look()
	w.look()
	roles, err := e.KnownRoles(t.Context(), "acme")
	if err != nil || len(roles) != 6 || rules.Len() != DefaultRules().Len()+1 {
		t.Errorf("%q %v", roles, err)
	}
}

func TestFilesRefuse(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Files{
		"nothing":     {},
		"no model":    {FS: os.DirFS("."), Rules: []string{"policy.csv"}},
		"no rules":    {FS: os.DirFS("."), Model: "model.conf"},
		"not there":   DefaultFiles(os.DirFS(t.TempDir())),
		"not a model": {FS: library, Model: "library/deny/policy.csv", Rules: []string{"library/deny/policy.csv"}},
		"other rules": {FS: library, Model: "library/deny/model.conf", Rules: []string{"library/organizations/policy.csv"}},
	} {
		if _, _, err := f.Read(); err == nil {
			t.Errorf("%s: is read", name)
		}
	}
	var e Engine
	if err := e.Watch(t.Context(), Files{}, WatchConfig{}); !errors.Is(err, ErrNoPolicy) {
		t.Errorf("a zero engine watches: %v", err)
	}
}

// TestWatchWaitsForTheRestOfALine: a writer stalls before the rule that denies
// is written; what it has written so far is not put in force meanwhile.
func TestWatchWaitsForTheRestOfALine(t *testing.T) {
	t.Parallel()
	allow, deny := "p, role:x, *, doc:*, read, allow\n", "p, role:x, *, doc:9, read, deny\n"
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.csv")
	write(t, filepath.Join(dir, "model.conf"), DefaultModel().Text())
	write(t, file, allow+deny)
	f := DefaultFiles(os.DirFS(dir))
	m, rules, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Model: m, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	reloaded := make(chan struct{}, 10)
	go e.Watch(t.Context(), f, WatchConfig{Poll: 10 * time.Millisecond, OnReload: func() { reloaded <- struct{}{} }})
	q := Question{Organization: "o1", Subject: "key:1", Roles: []string{"x"}, Object: "doc:9", Action: "read"}
	for range 3 {
		write(t, file, allow+"# what follows is closed to eve")
		for stalled := time.Now(); time.Since(stalled) < 300*time.Millisecond; time.Sleep(time.Millisecond) {
			if d, err := e.Decide(t.Context(), q); err != nil || d.Reason != ReasonExplicitDeny {
				t.Fatalf("half a file is in force: %+v %v", d, err)
			}
		}
		write(t, file, allow+deny)
	}
	write(t, file, deny+allow)
	select {
	case <-reloaded:
	case <-time.After(10 * time.Second):
		t.Error("a whole file is not put in force")
	}
}
