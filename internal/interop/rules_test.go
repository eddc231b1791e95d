package interop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/adapters/policystore"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
	"gorm.io/gorm"
)

const (
	// elsewhere is within which time a change is in force on other instances.
	elsewhere = time.Second
	// lease is after which time an instance that hears nothing denies; what is
	// added is for a busy machine.
	lease = 900*time.Millisecond + 200*time.Millisecond
)

func rule(organization, effect string) []string {
	return []string{"p", "role:teller", organization, "till:*", "open", effect}
}

// pair is two instances of one database, this process and another whose line to
// the database can be cut.
type pair struct {
	db    *gorm.DB
	store *gormstore.Store
	here  *policy.Live
	there *instance
	line  *line
}

// eachPair runs a test with two instances on each database, where tellers may
// open tills in two organizations.
func eachPair(t *testing.T, test func(t *testing.T, p *pair)) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			dsn := d.make(t)
			p := &pair{db: d.open(t, dsn), line: relayed(t, dsn)}
			var err error
			p.here, p.store, err = openRules(t.Context(), p.db)
			must(t, err)
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = p.here.Run(ctx)
			}()
			t.Cleanup(func() {
				stop()
				<-done
				must(t, p.store.Close(context.Background()))
			})
			for _, organization := range []string{"acme", "globex"} {
				if a := apply(p.here, policy.Change{Organization: organization, Add: [][]string{rule(organization, "allow")}}); a.Problem != "" || !a.Then.Allowed {
					t.Fatalf("the first rule: %+v", a)
				}
			}
			p.there = secondInstance(t, p.line.dsn)
			for _, organization := range []string{"acme", "globex"} {
				if a := p.there.next("at first", organization); !a.Allowed {
					t.Fatalf("at first: %+v", a)
				}
			}
			test(t, p)
		})
	}
}

// await waits until this instance gives an answer for another reason.
func (p *pair) await(t *testing.T, organization, than string) answer {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(time.Millisecond) {
		if a := ask(p.here.Engine(), organization); a.Reason != than {
			return a
		}
		if time.Now().After(deadline) {
			t.Fatalf("this instance goes on saying %s", than)
		}
	}
}

// TestRulesReachInstances: a change is in force where it was made when Apply
// returns, and on the other instance within a second; both ways.
func TestRulesReachInstances(t *testing.T) {
	eachPair(t, func(t *testing.T, p *pair) {
		var lags []time.Duration
		for i := range 10 {
			c := policy.Change{Organization: "acme", Revision: uint64(i + 1), Add: [][]string{rule("acme", "deny")}}
			want, before := policy.ReasonExplicitDeny, policy.ReasonAllowed
			if i%2 == 1 {
				c.Add, c.Remove = nil, c.Add
				want, before = before, want
			}
			var made applied
			var other answer
			if i%4 < 2 {
				made = apply(p.here, c)
				other = p.there.next(want, "acme")
			} else {
				p.there.tell(c)
				made = p.there.outcome()
				other = p.await(t, "acme", before)
				p.there.next(want, "acme")
			}
			if made.Problem != "" || made.Then.Reason != want {
				t.Fatalf("where it was made: %+v, want %s", made, want)
			}
			if other.Reason != want || other.Revision != made.Then.Revision {
				t.Fatalf("elsewhere: %+v, want %s at %d", other, want, made.Then.Revision)
			}
			lags = append(lags, max(0, other.At.Sub(made.At)))
		}
		t.Logf("in force at once where it was made, elsewhere after %v ms, at most %d", milliseconds(lags), slices.Max(lags).Milliseconds())
		if slices.Max(lags) > elsewhere {
			t.Errorf("a change took %v", slices.Max(lags))
		}
		p.there.quiet("another organization's changes", "globex")
	})
}

func milliseconds(list []time.Duration) []int64 {
	ms := make([]int64, len(list))
	for i, d := range list {
		ms[i] = d.Milliseconds()
	}
	return ms
}

// TestRulesBroken: what does not compile is refused by either instance, and
// changes nothing on either. Rules that were broken behind their backs leave the
// former ones in force for the lease, and then deny in that organization alone.
func TestRulesBroken(t *testing.T) {
	eachPair(t, func(t *testing.T, p *pair) {
		for name, row := range map[string][]string{
			"an effect that is none":    {"p", "role:teller", "acme", "till:*", "open", "Deny"},
			"a short row":               {"p", "role:teller", "acme", "till:*", "open"},
			"a long row":                {"p", "role:teller", "acme", "till:*", "open", "allow", "x"},
			"a star in the middle":      {"p", "role:teller", "acme", "ti*l", "open", "allow"},
			"another organization":      {"p", "role:teller", "globex", "till:*", "open", "deny"},
			"a row of no section":       {"q", "role:teller", "acme", "till:*", "open", "deny"},
			"a line of its own in it":   {"p", "role:teller", "acme", "till:*\np, role:teller, acme, *, *, allow", "open", "allow"},
			"an empty field":            {"p", "", "acme", "till:*", "open", "deny"},
			"a role of two fields only": {"g", "key:1", "role:admin"},
		} {
			c := policy.Change{Organization: "acme", Revision: 1, Add: [][]string{row}}
			if a := apply(p.here, c); a.Problem != "invalid" || !a.Then.Allowed {
				t.Errorf("%s, here: %+v", name, a)
			}
			p.there.tell(c)
			if a := p.there.outcome(); a.Problem != "invalid" || !a.Then.Allowed {
				t.Errorf("%s, there: %+v", name, a)
			}
		}
		set, err := p.here.Rules(t.Context(), "acme")
		must(t, err)
		if set.Revision != 1 || len(set.Rows) != 1 {
			t.Fatalf("what was refused is stored: %+v", set)
		}
		time.Sleep(500 * time.Millisecond)
		p.there.quiet("after refused changes", "acme")

		// Somebody writes past the engine.
		write := func(revision uint64, add, remove [][]string) time.Time {
			t.Helper()
			_, err := p.store.ApplyRules(t.Context(), storage.RuleChange{Organization: "acme", Revision: revision, Add: add, Remove: remove, At: time.Now()}, storage.Event{})
			must(t, err)
			return time.Now()
		}
		broken := [][]string{{"p", "role:teller", "acme", "till:*", "open", "Deny"}}
		written := write(1, broken, nil)
		for where, a := range map[string]answer{"there": p.there.next("broken", "acme"), "here": p.await(t, "acme", policy.ReasonAllowed)} {
			if a.Allowed || a.Status != 503 {
				t.Errorf("broken, %s: %+v", where, a)
			}
			t.Logf("rules broken behind its back: %s denies after %d ms", where, a.At.Sub(written).Milliseconds())
			if a.At.Sub(written) > elsewhere+lease {
				t.Errorf("%s denied after %v", where, a.At.Sub(written))
			}
		}
		p.there.quiet("another organization", "globex")
		if a := ask(p.here.Engine(), "globex"); !a.Allowed {
			t.Errorf("another organization, here: %+v", a)
		}
		written = write(2, nil, broken)
		if a := p.there.next("repaired", "acme"); !a.Allowed || a.At.Sub(written) > elsewhere {
			t.Errorf("repaired: %+v after %v", a, a.At.Sub(written))
		}
	})
}

// TestRulesOneWinner has both instances make a change against each of many
// revisions at the same time: one is made, and the other is told of a conflict.
func TestRulesOneWinner(t *testing.T) {
	eachPair(t, func(t *testing.T, p *pair) {
		wins := map[string]int{}
		for i := range 30 {
			revision := uint64(i + 1)
			change := func(by string) policy.Change {
				return policy.Change{Organization: "acme", Revision: revision, Actor: "user:" + by, Add: [][]string{{"p", "role:" + by, "acme", fmt.Sprint("till:", i), "close", "allow"}}}
			}
			p.there.tell(change("there"))
			here := apply(p.here, change("here"))
			there := p.there.outcome()
			winner := "here"
			switch {
			case here.Problem == "" && there.Problem == "conflict":
			case here.Problem == "conflict" && there.Problem == "":
				winner = "there"
			default:
				t.Fatalf("revision %d: here %+v, there %+v", revision, here, there)
			}
			wins[winner]++
			set, err := p.here.Rules(t.Context(), "acme")
			must(t, err)
			if set.Revision != revision+1 || len(set.Rows) != i+2 {
				t.Fatalf("after revision %d: %d rows at revision %d", revision, len(set.Rows), set.Revision)
			}
			history, err := p.here.History(t.Context(), "acme", 0, 1)
			must(t, err)
			if history[0].Actor != "user:"+winner || history[0].Revision != revision+1 {
				t.Fatalf("the history says %+v, and %s won", history[0], winner)
			}
		}
		t.Logf("30 revisions: %v", wins)

		// Everything may be taken back, from the other side's last word too.
		if _, err := p.here.Rollback(t.Context(), "acme", 1, "user:here"); err != nil {
			t.Error(err)
		}
		set, err := p.here.Rules(t.Context(), "acme")
		must(t, err)
		if len(set.Rows) != 1 || set.Revision != 32 {
			t.Errorf("rolled back: %+v", set)
		}
	})
}

// TestRulesInTransaction: a change in a transaction of the host's is in force
// nowhere before the commit, nor ever if it is rolled back.
func TestRulesInTransaction(t *testing.T) {
	eachPair(t, func(t *testing.T, p *pair) {
		c := policy.Change{Organization: "acme", Revision: 1, Add: [][]string{rule("acme", "deny")}}
		undone := errors.New("undone")
		for _, end := range []error{undone, nil} {
			prepared, err := p.here.Prepare(t.Context(), c)
			must(t, err)
			err = p.db.WithContext(t.Context()).Transaction(func(tx *gorm.DB) error {
				if _, err := prepared.Store(policystore.InTransaction(t.Context(), p.store.WithTx(tx))); err != nil {
					return err
				}
				time.Sleep(600 * time.Millisecond)
				if a := ask(p.here.Engine(), "acme"); !a.Allowed {
					t.Errorf("before the commit: %+v", a)
				}
				p.there.quiet("before the commit", "acme")
				return end
			})
			if !errors.Is(err, end) {
				t.Fatal(err)
			}
			if end != nil {
				time.Sleep(400 * time.Millisecond)
				p.there.quiet("rolled back", "acme")
				continue
			}
			committed := time.Now()
			must(t, prepared.Enforce())
			if a := ask(p.here.Engine(), "acme"); a.Reason != policy.ReasonExplicitDeny {
				t.Errorf("committed: %+v", a)
			}
			a := p.there.next("committed", "acme")
			if a.Reason != policy.ReasonExplicitDeny || a.At.Sub(committed) > elsewhere {
				t.Errorf("committed: %+v after %v", a, a.At.Sub(committed))
			}
		}
	})
}
