package policytest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gatewright/gatewright/policy"
)

// CheckStore holds an implementation of [policy.Store] against its contract. The
// function opens a store without rules; two handles of one store may be given,
// or the same twice.
func CheckStore(t TB, open func() (a, b policy.Store)) {
	t.Helper()
	for name, check := range map[string]func(TB, policy.Store, policy.Store) error{
		"empty": checkEmpty, "changes": checkChanges, "refusals": checkRefusals, "history": checkHistory, "news": checkNews, "one winner": checkOneWinner,
	} {
		a, b := open()
		if err := check(t, a, b); err != nil {
			t.Errorf("store: %s: %v", name, err)
		}
	}
}

// reads is a rule for the organization acme.
func reads(role string) []string {
	return []string{"p", "role:" + role, "acme", "doc:*", "read", "allow"}
}

// hold checks what a store has for acme.
func hold(t TB, s policy.Store, revision uint64, roles ...string) error {
	set, err := s.LoadRules(t.Context(), "acme")
	if err != nil {
		return err
	}
	var have []string
	for _, r := range set.Rows {
		have = append(have, r[1][len("role:"):])
	}
	slices.Sort(have)
	slices.Sort(roles)
	if set.Revision != revision || !slices.Equal(have, roles) {
		return fmt.Errorf("holds %v at revision %d, want %v at %d", have, set.Revision, roles, revision)
	}
	return nil
}

// apply applies a change to acme.
func apply(t TB, s policy.Store, revision uint64, add, remove []string) (uint64, error) {
	c := policy.Change{Organization: "acme", Revision: revision, Actor: "user:ann"}
	for _, r := range add {
		c.Add = append(c.Add, reads(r))
	}
	for _, r := range remove {
		c.Remove = append(c.Remove, reads(r))
	}
	return s.ApplyRules(t.Context(), c)
}

func checkEmpty(t TB, a, _ policy.Store) error {
	history, err := a.RuleHistory(t.Context(), "acme", 0, 10)
	if err != nil || len(history) != 0 {
		return fmt.Errorf("history %v, %v", history, err)
	}
	return hold(t, a, 0)
}

func checkChanges(t TB, a, b policy.Store) error {
	for i, step := range []struct{ add, remove, want []string }{
		{[]string{"x", "y"}, nil, []string{"x", "y"}},
		{nil, []string{"x"}, []string{"y"}},
		{[]string{"x", "z"}, []string{"y"}, []string{"x", "z"}},
		{nil, []string{"x", "z"}, nil},
	} {
		revision, err := apply(t, a, uint64(i), step.add, step.remove)
		if err != nil || revision != uint64(i+1) {
			return fmt.Errorf("change %d: revision %d, %v", i, revision, err)
		}
		for _, s := range []policy.Store{a, b} {
			if err := hold(t, s, revision, step.want...); err != nil {
				return fmt.Errorf("change %d: %w", i, err)
			}
		}
	}
	set, err := a.LoadRules(t.Context(), "globex")
	if err != nil || set.Revision != 0 || len(set.Rows) != 0 {
		return fmt.Errorf("another organization has %+v, %v", set, err)
	}
	return nil
}

func checkRefusals(t TB, a, _ policy.Store) error {
	if _, err := apply(t, a, 0, []string{"x"}, nil); err != nil {
		return err
	}
	for _, revision := range []uint64{0, 2, 99} {
		if _, err := apply(t, a, revision, []string{"y"}, nil); !errors.Is(err, policy.ErrConflict) {
			return fmt.Errorf("a change against revision %d: %v, want a conflict", revision, err)
		}
	}
	for what, c := range map[string]struct{ add, remove []string }{
		"adding a row that is there":           {[]string{"y", "x"}, nil},
		"removing a row that is not there":     {nil, []string{"x", "y"}},
		"adding, while removing a missing one": {[]string{"z"}, []string{"y"}},
	} {
		if _, err := apply(t, a, 1, c.add, c.remove); err == nil {
			return fmt.Errorf("%s is accepted", what)
		}
		if err := hold(t, a, 1, "x"); err != nil {
			return fmt.Errorf("after %s: %w", what, err)
		}
	}
	return nil
}

func checkHistory(t TB, a, b policy.Store) error {
	for i := range 5 {
		if _, err := apply(t, a, uint64(i), []string{fmt.Sprint("r", i)}, nil); err != nil {
			return err
		}
	}
	first, err := b.RuleHistory(t.Context(), "acme", 0, 2)
	if err != nil || len(first) != 2 || first[0].Revision != 5 || first[1].Revision != 4 {
		return fmt.Errorf("the newest two: %+v, %v", first, err)
	}
	rest, err := b.RuleHistory(t.Context(), "acme", 4, 10)
	if err != nil || len(rest) != 3 || rest[2].Revision != 1 || len(rest[2].Add) != 1 || rest[2].Add[0][1] != "role:r0" || rest[2].Actor != "user:ann" || rest[2].At.IsZero() {
		return fmt.Errorf("those before: %+v, %v", rest, err)
	}
	return nil
}

func checkNews(t TB, a, b policy.Store) error {
	start, err := a.RuleNews(t.Context(), 0)
	if err != nil {
		return err
	}
	if _, err := apply(t, a, 0, []string{"x"}, nil); err != nil {
		return err
	}
	names, err := b.RuleSets(t.Context())
	if err != nil || !slices.Contains(names, "acme") {
		return fmt.Errorf("rule sets %v, %v", names, err)
	}
	news, err := b.RuleNews(t.Context(), start.Head)
	if err != nil || !slices.Contains(news.Changed, policy.RuleRevision{Organization: "acme", Revision: 1}) {
		return fmt.Errorf("news %+v, %v", news, err)
	}
	if news.Next < start.Head || news.Head < news.Next {
		return fmt.Errorf("cursors went from %+v to %+v", start, news)
	}
	return nil
}

func checkOneWinner(t TB, a, b policy.Store) error {
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		s := []policy.Store{a, b}[i%2]
		wg.Go(func() { _, results[i] = apply(t, s, 0, []string{fmt.Sprint("r", i)}, nil) })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, policy.ErrConflict):
			return fmt.Errorf("a writer that lost is told %w", err)
		}
	}
	if won != 1 {
		return fmt.Errorf("%d writers won", won)
	}
	set, err := a.LoadRules(t.Context(), "acme")
	if err != nil || set.Revision != 1 || len(set.Rows) != 1 {
		return fmt.Errorf("%+v, %v", set, err)
	}
	return nil
}
