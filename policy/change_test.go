package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestApplyIsInForceAtOnce(t *testing.T) {
	t.Parallel()
	l := openLive(t, newMemStore(), SyncConfig{Lease: time.Hour})
	ask := func() Decision {
		d, err := l.Engine().Decide(t.Context(), opensTill)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := ask(); d.Allowed || d.Revision != 1 {
		t.Fatalf("at first: %+v", d)
	}
	for i, c := range []struct {
		change Change
		want   string
	}{
		{Change{Organization: "acme", Add: [][]string{tellerOpens}}, ReasonAllowed},
		{Change{Organization: "acme", Revision: 1, Add: [][]string{tellerStops}}, ReasonExplicitDeny},
		{Change{Organization: "acme", Revision: 2, Remove: [][]string{tellerStops}}, ReasonAllowed},
		{Change{Organization: "*", Add: [][]string{{"p", "role:teller", "*", "till:*", "*", "deny"}}}, ReasonExplicitDeny},
		{Change{Organization: "acme", Revision: 3, Remove: [][]string{tellerOpens}}, ReasonExplicitDeny},
		{Change{Organization: "*", Revision: 1, Remove: [][]string{{"p", "role:teller", "*", "till:*", "*", "deny"}}}, ReasonNoMatchingRule},
	} {
		revision, err := l.Apply(t.Context(), c.change)
		if err != nil || revision != c.change.Revision+1 {
			t.Fatalf("%d: revision %d, %v", i, revision, err)
		}
		if d := ask(); d.Reason != c.want || d.Revision != uint64(i+2) {
			t.Errorf("%d: %+v, want %s at %d", i, d, c.want, i+2)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	store := newMemStore()
	l := openLive(t, store, SyncConfig{Lease: time.Hour})
	if _, err := l.Apply(t.Context(), Change{Organization: "acme", Add: [][]string{tellerOpens}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change Change
		want   string
	}{
		"an old revision":          {Change{Organization: "acme", Add: [][]string{tellerStops}}, "made against revision 0"},
		"a future revision":        {Change{Organization: "acme", Revision: 7, Add: [][]string{tellerStops}}, "made against revision 7"},
		"a row that is there":      {Change{Organization: "acme", Revision: 1, Add: [][]string{tellerOpens}}, "row-exists"},
		"a row twice":              {Change{Organization: "acme", Revision: 1, Add: [][]string{tellerStops, tellerStops}}, "row-exists"},
		"a row that is not":        {Change{Organization: "acme", Revision: 1, Remove: [][]string{tellerStops}}, "row-missing"},
		"another organization":     {Change{Organization: "acme", Revision: 1, Add: [][]string{{"p", "role:x", "globex", "a", "b", "allow"}}}, "wrong-organization"},
		"every organization":       {Change{Organization: "acme", Revision: 1, Add: [][]string{{"p", "role:x", "*", "a", "b", "allow"}}}, "wrong-organization"},
		"a short row":              {Change{Organization: "acme", Revision: 1, Add: [][]string{{"p", "role:x", "acme", "a", "b"}}}, "short-row"},
		"an effect typo":           {Change{Organization: "acme", Revision: 1, Add: [][]string{{"p", "role:x", "acme", "a", "b", "Deny"}}}, "bad-effect"},
		"an empty row":             {Change{Organization: "acme", Revision: 1, Add: [][]string{{}}}, "bad-row"},
		"a newline in a name":      {Change{Organization: "acme", Revision: 1, Add: [][]string{{"p", "user:x\np, user:x", "acme", "*", "*", "allow"}}}, "bad-value"},
		"a chain that is too deep": {Change{Organization: "acme", Revision: 1, Add: deepChain("acme", 12)}, "role-too-deep"},
	} {
		before, _ := l.Rules(t.Context(), "acme")
		_, err := l.Apply(t.Context(), c.change)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		after, _ := l.Rules(t.Context(), "acme")
		if before.Revision != after.Revision || !diffRows(before.Rows, after.Rows).IsEmpty() {
			t.Errorf("%s: the store changed", name)
		}
		if d, _ := l.Engine().Decide(t.Context(), opensTill); !d.Allowed || d.Revision != 2 {
			t.Errorf("%s: decisions changed: %+v", name, d)
		}
	}
	if err := l.Engine().Replace(DefaultRules()); !errors.Is(err, ErrFollowed) {
		t.Errorf("Replace: %v", err)
	}
}

func deepChain(org string, n int) [][]string {
	var rows [][]string
	for i := range n {
		rows = append(rows, []string{"g", "role:" + strings.Repeat("i", i+1), "role:" + strings.Repeat("i", i+2), org})
	}
	return rows
}

// TestPreparedJoinsATransaction: nothing is in force before the caller says that
// its transaction is committed.
func TestPreparedJoinsATransaction(t *testing.T) {
	t.Parallel()
	l := openLive(t, newMemStore(), SyncConfig{Lease: time.Hour})
	p, err := l.Prepare(t.Context(), Change{Organization: "acme", Add: [][]string{tellerOpens}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Enforce() == nil {
		t.Error("a change that was not stored is put in force")
	}
	if _, err := p.Store(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, _ := l.Engine().Decide(t.Context(), opensTill); d.Allowed {
		t.Error("in force before it is committed")
	}
	if err := p.Enforce(); err != nil {
		t.Fatal(err)
	}
	if d, _ := l.Engine().Decide(t.Context(), opensTill); !d.Allowed {
		t.Error("not in force")
	}
}

func TestHistoryDiffAndRollback(t *testing.T) {
	t.Parallel()
	l := openLive(t, newMemStore(), SyncConfig{Lease: time.Hour})
	ctx := t.Context()
	for i, add := range [][]string{tellerOpens, tellerStops, {"g", "user:ann", "role:teller", "acme"}} {
		if _, err := l.Apply(ctx, Change{Organization: "acme", Revision: uint64(i), Add: [][]string{add}, Actor: "user:ann"}); err != nil {
			t.Fatal(err)
		}
	}
	changes, err := l.History(ctx, "acme", 0, 2)
	if err != nil || len(changes) != 2 || changes[0].Revision != 3 || changes[0].Actor != "user:ann" {
		t.Errorf("%+v %v", changes, err)
	}
	d, err := l.Diff(ctx, "acme", 3, 1)
	if want := "- p, role:teller, acme, till:9, open, deny\n- g, user:ann, role:teller, acme\n"; err != nil || d.String() != want {
		t.Errorf("%v %v", d, err)
	}
	revision, err := l.Rollback(ctx, "acme", 1, "user:bob")
	if err != nil || revision != 4 {
		t.Fatalf("%d %v", revision, err)
	}
	if d, _ := l.Engine().Decide(ctx, opensTill); !d.Allowed {
		t.Errorf("%+v", d)
	}
	for _, missing := range []uint64{5, 99} {
		if _, err := l.Rollback(ctx, "acme", missing, "x"); err == nil {
			t.Errorf("rolled back to revision %d", missing)
		}
	}
}

// TestPropertyApplyThenRollbackIsIdentity also holds that the store, the engine
// and a fresh engine agree after every change.
func TestPropertyApplyThenRollbackIsIdentity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(values ...string) string { return rapid.SampledFrom(values).Draw(rt, "v") }
		store := newMemStore()
		l := openLive(t, store, SyncConfig{Lease: time.Hour})
		def := DefaultModel().def
		steps := rapid.IntRange(1, 6).Draw(rt, "steps")
		at := map[string][]RuleSet{"o1": {{}}, "o2": {{}}, "*": {{}}}
		for range steps {
			row := randomRow(def, choose)
			org := row[len(row)-1]
			if row[0] == "p" {
				org = row[2]
			}
			set, _ := l.Rules(t.Context(), org)
			c := Change{Organization: org, Revision: set.Revision, Add: [][]string{row}}
			if len(set.Rows) > 0 && choose("", "remove") != "" {
				c.Remove = set.Rows[:1]
			}
			if _, err := l.Apply(t.Context(), c); err != nil {
				continue
			}
			after, _ := l.Rules(t.Context(), org)
			at[org] = append(at[org], after)
		}
		fresh := openLive(t, store, SyncConfig{Lease: time.Hour})
		for range 8 {
			q := randomQuestion(def, choose)
			a, _ := l.Engine().Decide(t.Context(), q)
			b, _ := fresh.Engine().Decide(t.Context(), q)
			if a != b {
				rt.Fatalf("%+v: changed step by step %+v, loaded %+v", q, a, b)
			}
		}
		for org, sets := range at {
			to := rapid.IntRange(0, len(sets)-1).Draw(rt, "to")
			if _, err := l.Rollback(t.Context(), org, uint64(to), "t"); err != nil {
				rt.Fatal(err)
			}
			now, _ := l.Rules(t.Context(), org)
			if d := diffRows(now.Rows, sets[to].Rows); !d.IsEmpty() {
				rt.Fatalf("rolled back %s to %d: %s", org, to, d)
			}
		}
	})
}
