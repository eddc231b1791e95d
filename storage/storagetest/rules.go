package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var rules = []test{
	{"Never", func(k *kit) {
		set, err := k.store.LoadRules(k.ctx, k.name("org"))
		k.must(err)
		k.equal("revision", uint64(0), set.Revision)
		k.equal("rows", 0, len(set.Rows))
		history, err := k.store.RuleHistory(k.ctx, k.name("org"), 0, 10)
		k.must(err)
		k.equal("history", 0, len(history))
	}},
	{"Apply", rulesApply},
	{"ApplyRefused", rulesApplyRefused},
	{"RowsDoNotMeet", rulesRowsDoNotMeet},
	{"History", rulesHistory},
	{"Copies", rulesCopies},
	{"ListRuleSets", func(k *kit) {
		with, without := k.name("org"), k.name("org")
		k.apply(with, 0, [][]string{{"p", "a"}}, nil)
		list, err := k.store.ListRuleSets(k.ctx)
		k.must(err)
		if !slices.Contains(list, with) || slices.Contains(list, without) {
			k.Errorf("the list of rule sets is wrong")
		}
	}},
}

// apply applies a change of rules and returns it as history keeps it.
func (k *kit) apply(organization string, revision uint64, add, remove [][]string) storage.RuleChange {
	k.Helper()
	c := storage.RuleChange{
		Organization: organization, Revision: revision, Add: add, Remove: remove,
		At: k.now.Add(time.Duration(revision) * time.Second), Actor: "user:author",
	}
	e := k.event("rules.applied", organization)
	change, err := k.store.ApplyRules(k.ctx, c, e)
	k.must(err)
	k.recorded(e)
	k.changed(storage.Change{Kind: storage.RulesChange, ID: organization, Version: revision + 1}, change)
	c.Revision++
	return c
}

// rows requires the rules of the organization, in any order.
func (k *kit) rows(organization string, revision uint64, want [][]string) {
	k.Helper()
	set, err := k.store.LoadRules(k.ctx, organization)
	k.must(err)
	k.equal("organization", organization, set.Organization)
	k.equal("revision", revision, set.Revision)
	k.equal("rows", ordered(want), ordered(set.Rows))
}

func ordered(rows [][]string) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = fmt.Sprintf("%q", row)
	}
	slices.Sort(out)
	return out
}

func rulesApply(k *kit) {
	o, other := k.name("org"), k.name("org")
	admin, viewer := []string{"p", "admin", "*", "*"}, []string{"p", "viewer", "account", "read"}
	alice := []string{"g", "alice", "admin"}
	k.apply(o, 0, [][]string{admin, alice}, nil)
	k.rows(o, 1, [][]string{admin, alice})
	k.apply(o, 1, [][]string{viewer}, [][]string{alice})
	k.rows(o, 2, [][]string{admin, viewer})
	k.apply(o, 2, [][]string{viewer}, [][]string{viewer}) // first removed, then added
	k.rows(o, 3, [][]string{admin, viewer})
	k.apply(other, 0, [][]string{admin}, nil)
	k.apply(other, 1, nil, [][]string{admin})
	k.rows(other, 2, nil)
	k.rows(o, 3, [][]string{admin, viewer})
}

func rulesApplyRefused(k *kit) {
	o := k.name("org")
	a, b, c := []string{"p", "a"}, []string{"p", "b"}, []string{"p", "c"}
	k.apply(o, 0, [][]string{a, b}, nil)
	k.apply(o, 1, nil, nil)
	before := k.change(storage.RulesChange, o)
	for name, refusal := range map[string]struct {
		revision    uint64
		add, remove [][]string
		want        error
	}{
		"an older revision":              {1, [][]string{c}, nil, storage.ErrConflict},
		"a revision to come":             {3, [][]string{c}, nil, storage.ErrConflict},
		"no revision":                    {0, [][]string{c}, nil, storage.ErrConflict},
		"adding what is there":           {2, [][]string{c, a}, nil, storage.ErrExists},
		"adding one twice":               {2, [][]string{c, c}, nil, storage.ErrExists},
		"removing what is not there":     {2, [][]string{{"p", "d"}}, [][]string{a, c}, storage.ErrNotFound},
		"removing one twice":             {2, nil, [][]string{a, a}, storage.ErrNotFound},
		"removing what is added with it": {2, [][]string{c}, [][]string{c}, storage.ErrNotFound},
	} {
		k.sub(name, func(k *kit) {
			e := k.event("rules.applied", o)
			_, err := k.store.ApplyRules(k.ctx, storage.RuleChange{
				Organization: o, Revision: refusal.revision, Add: refusal.add, Remove: refusal.remove, At: k.now,
			}, e)
			k.is(err, refusal.want)
			k.notRecorded(e)
			k.rows(o, 2, [][]string{a, b})
			k.equal("change", before, k.change(storage.RulesChange, o))
		})
	}
	history, err := k.store.RuleHistory(k.ctx, o, 0, 10)
	k.must(err)
	k.equal("length of the history", 2, len(history))
}

func rulesRowsDoNotMeet(k *kit) {
	o := k.name("org")
	rows := [][]string{
		{"p", "a", "b"}, {"p", "a,b"}, {"p", "a", "b", ""}, {"p", "", "a", "b"}, {"p", "A", "b"}, {"p", "a ", "b"}, {"p", "a", " b"},
		{"g", "a", "b"}, {"p", "a\x1fb"}, {"p", `a"b`}, {"p", "a\nb"}, {"p", "é"}, {"p", "e"}, {"p", "%"}, {"p", "*"}, {"p"},
		{"p", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}, {"p2", "a", "b"}, {"p", strings.Repeat("x", 1000)},
		{"p", "🧾", "r.amount < 1000 && keyMatch(r.obj, \"/x/*\")"}, {`p","a`, "b"}, {"p", "1:a"}, {"p", "1", ":a"},
	}
	k.apply(o, 0, rows, nil)
	k.rows(o, 1, rows)
	k.apply(o, 1, nil, rows[1:])
	k.rows(o, 2, rows[:1])
	k.apply(o+"x", 0, rows[:1], nil)
	k.apply(strings.ToUpper(o), 0, rows[:1], nil)
	k.apply("*"+o, 0, nil, nil)
	k.rows("*"+o, 1, nil)
}

func rulesHistory(k *kit) {
	o := k.name("org")
	k.apply(k.name("org"), 0, [][]string{{"p", "of another"}}, nil)
	var all []storage.RuleChange
	for i := range uint64(5) {
		all = append(all, k.apply(o, i, [][]string{{"p", fmt.Sprint(i)}, {"g", fmt.Sprint(i), "x"}}, nil))
	}
	all = append(all, k.apply(o, 5, nil, [][]string{{"p", "3"}, {"g", "1", "x"}}))
	slices.Reverse(all)
	for _, read := range []struct {
		before uint64
		limit  int
		want   []storage.RuleChange
	}{
		{0, 100, all}, {0, 2, all[:2]}, {6, 100, all[1:]}, {5, 2, all[2:4]}, {1, 100, nil}, {2, 100, all[5:]}, {100, 1, all[:1]},
	} {
		got, err := k.store.RuleHistory(k.ctx, o, read.before, read.limit)
		k.must(err)
		k.equal(fmt.Sprintf("history before %d, at most %d", read.before, read.limit), read.want, got)
	}
}

func rulesCopies(k *kit) {
	o := k.name("org")
	row := []string{"p", "a"}
	k.apply(o, 0, [][]string{row}, nil)
	row[1] = "x"
	set, err := k.store.LoadRules(k.ctx, o)
	k.must(err)
	set.Rows[0][1] = "x"
	history, err := k.store.RuleHistory(k.ctx, o, 0, 1)
	k.must(err)
	history[0].Add[0][1] = "x"
	k.rows(o, 1, [][]string{{"p", "a"}})
	history, err = k.store.RuleHistory(k.ctx, o, 0, 1)
	k.must(err)
	k.equal("history", "a", history[0].Add[0][1])
}
