package interop_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/policy"
)

// TestRulesSevered: an instance that is cut off from the database denies with
// 503 within its lease, whether connections end or are silent; a right that is
// taken away meanwhile is never used there again; and it recovers by itself.
func TestRulesSevered(t *testing.T) {
	eachPair(t, func(t *testing.T, p *pair) {
		revision := uint64(1)
		change := func(c policy.Change) {
			t.Helper()
			c.Organization, c.Revision = "acme", revision
			if a := apply(p.here, c); a.Problem != "" {
				t.Fatalf("change: %+v", a)
			}
			revision++
		}
		for _, way := range []struct {
			name        string
			cut, silent bool
		}{{"cut", true, false}, {"silent", false, true}} {
			severed := time.Now()
			p.line.set(way.cut, way.silent)
			change(policy.Change{Add: [][]string{rule("acme", "deny")}})
			taken := time.Now()

			a := p.there.next("severed", "acme")
			if a.Allowed || a.Reason != policy.ReasonStale || a.Status != 503 {
				t.Fatalf("%s: %+v, want stale with status 503", way.name, a)
			}
			closed := a.At.Sub(severed)
			if g := p.there.next("severed", "globex"); g.Allowed || g.Status != 503 {
				t.Errorf("%s: another organization: %+v", way.name, g)
			}
			if closed > lease || a.At.Sub(taken) > elsewhere+lease-900*time.Millisecond {
				t.Errorf("%s: failed closed %v after it was severed, %v after the right was taken away", way.name, closed, a.At.Sub(taken))
			}
			if way.cut { // a change through it fails, and says so
				p.there.tell(policy.Change{Organization: "acme", Revision: revision, Remove: [][]string{rule("acme", "deny")}})
				if o := p.there.outcome(); o.Problem == "" || o.Then.Allowed {
					t.Errorf("a change through a severed line: %+v", o)
				}
			}
			time.Sleep(time.Second)
			p.there.quiet("while it is severed", "acme")

			mended := time.Now()
			p.line.set(false, false)
			a = p.there.next("mended", "acme")
			if a.Allowed || a.Reason != policy.ReasonExplicitDeny || a.Status != 0 {
				t.Fatalf("%s: mended: %+v, want the denial made meanwhile", way.name, a)
			}
			if g := p.there.next("mended", "globex"); !g.Allowed {
				t.Errorf("%s: mended: another organization: %+v", way.name, g)
			}
			t.Logf("%s: fails closed after %d ms, recovers after %d ms", way.name, closed.Milliseconds(), a.At.Sub(mended).Milliseconds())
			if recovered := a.At.Sub(mended); recovered > 3*time.Second {
				t.Errorf("%s: recovered after %v", way.name, recovered)
			}
			change(policy.Change{Remove: [][]string{rule("acme", "deny")}})
			if a := p.there.next("allowed again", "acme"); !a.Allowed {
				t.Fatalf("%s: allowed again: %+v", way.name, a)
			}
		}
	})
}

// TestRulesUnderWay severs the line while a change is under way, at whatever
// moment: it is made whole or not at all, one that was acknowledged is never
// lost, and both instances agree afterwards. A database may commit what it had
// received a moment after its client is gone, so the count is made at the end.
func TestRulesUnderWay(t *testing.T) {
	eachPair(t, func(t *testing.T, p *pair) {
		row := func(i int) []string {
			return []string{"p", "role:teller", "acme", fmt.Sprint("till:", i), "open", "deny"}
		}
		acknowledged := map[int]bool{}
		const attempts = 24
		for i := range attempts {
			set, err := p.here.Rules(t.Context(), "acme")
			must(t, err)
			p.there.tell(policy.Change{Organization: "acme", Revision: set.Revision, Add: [][]string{row(i)}})
			time.Sleep(time.Duration(i) * time.Millisecond)
			p.line.set(true, false)
			if o := p.there.outcome(); o.Problem == "" {
				acknowledged[i] = true
			} else if o.Problem == "invalid" {
				t.Errorf("told %+v", o)
			}
			p.line.set(false, false)
			time.Sleep(150 * time.Millisecond)
		}
		set, err := p.here.Rules(t.Context(), "acme")
		must(t, err)
		history, err := p.here.History(t.Context(), "acme", 0, 100)
		must(t, err)
		made := 0
		for i := range attempts {
			stored := slices.ContainsFunc(set.Rows, func(r []string) bool { return slices.Equal(r, row(i)) })
			told := slices.ContainsFunc(history, func(c policy.Change) bool { return slices.Equal(c.Add[0], row(i)) })
			if stored {
				made++
			}
			if stored != told || acknowledged[i] && !stored {
				t.Errorf("change %d: stored %v, in the history %v, acknowledged %v", i, stored, told, acknowledged[i])
			}
		}
		if set.Revision != uint64(1+made) || len(set.Rows) != 1+made {
			t.Errorf("%d changes were made, and %d rows are at revision %d", made, len(set.Rows), set.Revision)
		}
		t.Logf("of %d changes %d were made and acknowledged, %d made and the answer lost, %d not made", attempts, len(acknowledged), made-len(acknowledged), attempts-made)

		for last, deadline := (answer{}), time.Now().Add(5*time.Second); ; time.Sleep(50 * time.Millisecond) {
			p.there.tell(policy.Change{Organization: "acme"}) // a conflict, with what it says now
			last = ask(p.here.Engine(), "acme")
			if o := p.there.outcome(); o.Then.Reason == last.Reason && o.Then.Revision == last.Revision && last.Revision >= set.Revision {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("here %+v, there %+v, stored at %d", last, o.Then, set.Revision)
			}
		}
	})
}
