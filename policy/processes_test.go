package policy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// followEnv makes the test program a second instance that follows a store.
const followEnv = "POLICY_TEST_FOLLOW"

func TestMain(m *testing.M) {
	if dir := os.Getenv(followEnv); dir != "" {
		followStore(dir)
		return
	}
	os.Exit(m.Run())
}

// seen is a line of the second instance: from when on it answers so.
type seen struct {
	Reason   string    `json:"reason"`
	Revision uint64    `json:"revision"`
	At       time.Time `json:"at"`
}

// followStore follows the store in a directory and writes a line whenever the
// answer to one question changes, until its standard input ends.
func followStore(dir string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, err := OpenDir(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := Open(ctx, Config{Model: store.Model(), Rules: RulesOf()}, store, SyncConfig{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go l.Run(ctx)
	go func() {
		bufio.NewReader(os.Stdin).ReadString('\n')
		os.Exit(0)
	}()
	out := json.NewEncoder(os.Stdout)
	var last seen
	for {
		d, _ := l.Engine().Decide(ctx, opensTill)
		if now := (seen{d.Reason, d.Revision, time.Now()}); now.Reason != last.Reason {
			if out.Encode(now) != nil {
				return
			}
			last = now
		}
		time.Sleep(time.Millisecond)
	}
}

// TestTwoProcesses measures, with a second process: how soon a change made in
// this one is in force there, and how soon it fails closed when the store is
// taken away from it.
func TestTwoProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, modelFile), DefaultModel().Text())
	write(t, filepath.Join(dir, rulesFile), "# rules\n")
	store, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	here, err := Open(t.Context(), Config{Model: store.Model(), Rules: RulesOf()}, store, SyncConfig{Lease: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	next := secondProcess(t, dir)
	if s := next("at first"); s.Reason != ReasonNoMatchingRule {
		t.Fatalf("at first: %+v", s)
	}

	changes := []struct {
		change Change
		reason string
	}{
		{Change{Organization: "acme", Add: [][]string{tellerOpens}}, ReasonAllowed},
		{Change{Organization: "acme", Revision: 1, Add: [][]string{tellerStops}}, ReasonExplicitDeny},
		{Change{Organization: "acme", Revision: 2, Remove: [][]string{tellerStops}}, ReasonAllowed},
	}
	for _, c := range changes {
		if _, err := here.Apply(t.Context(), c.change); err != nil {
			t.Fatal(err)
		}
		applied := time.Now()
		if d, _ := here.Engine().Decide(t.Context(), opensTill); d.Reason != c.reason {
			t.Errorf("here: %+v, want %s at once", d, c.reason)
		}
		s := next(c.reason)
		if s.Reason != c.reason {
			t.Fatalf("there: %+v, want %s", s, c.reason)
		}
		lag := s.At.Sub(applied)
		t.Logf("%s there after %v", c.reason, lag)
		if lag > time.Second {
			t.Errorf("in force there after %v", lag)
		}
	}

	severed := time.Now()
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	s := next("severed")
	if s.Reason != ReasonStale {
		t.Fatalf("severed: %+v", s)
	}
	t.Logf("fails closed after %v", s.At.Sub(severed))
	if s.At.Sub(severed) > 1200*time.Millisecond {
		t.Errorf("failed closed after %v", s.At.Sub(severed))
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if s := next("restored"); s.Reason != ReasonAllowed {
		t.Errorf("restored: %+v", s)
	}
}

// secondProcess starts the second instance and gives what reads its lines.
func secondProcess(t *testing.T, dir string) (next func(when string) seen) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), followEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	lines := json.NewDecoder(out)
	return func(when string) seen {
		t.Helper()
		var s seen
		if err := lines.Decode(&s); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		return s
	}
}
