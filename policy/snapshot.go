package policy

import (
	"fmt"
	"hash/maphash"
	"maps"
	"time"
)

// snapshot is everything an engine knows at one moment. It is immutable: a
// change makes another one that shares what did not change.
type snapshot struct {
	def *modelDef
	// common answers for organizations without rules of their own.
	common *orgSet
	shards [shardCount]map[string]*orgSet
	seed   maphash.Seed
}

// shardCount keeps what one organization's change copies small.
const shardCount = 256

// orgSet is the compiled rules of one organization with those for every one.
type orgSet struct {
	organization string
	// ownRevision and commonRevision make up the revision of decisions.
	ownRevision, commonRevision uint64
	tier                        *tier
	fallback                    *fallback
	own                         []row // of a fallback, whose rules are not compiled
	// until is when these rules may be relied on no longer, because newer ones
	// do not compile; zero for ever.
	until time.Time
}

func (s *orgSet) revision() uint64 { return s.ownRevision + s.commonRevision }

// input is a question made ready for searching.
type input struct {
	who            []uint32
	object, action string
	groups         []string
}

// set gives the rules that answer for an organization.
func (s *snapshot) set(organization string) *orgSet {
	if o, ok := s.shards[s.shard(organization)][organization]; ok {
		return o
	}
	return s.common
}

func (s *snapshot) shard(organization string) uint8 {
	return uint8(maphash.String(s.seed, organization))
}

// everyOrganization is the name under which rules hold for all.
const everyOrganization = "*"

// partition divides rows by the organization they are for: "*" for every one.
// Rows of a model that does not tell organizations apart are all for "*".
func partition(d *modelDef, rows []row) map[string][]row {
	parts := map[string][]row{everyOrganization: nil}
	divided := d.partitioned()
	dom := d.rule.index("dom")
	for _, r := range rows {
		org := everyOrganization
		switch {
		case !divided:
		case r.fields[0] == "p":
			org = r.fields[1+dom]
		case len(r.fields) == 4:
			org = r.fields[3]
		}
		parts[org] = append(parts[org], r)
	}
	return parts
}

// partitioned reports whether rules of one organization can never matter to
// another, because the matcher compares the organizations first of all and asks
// for roles in the organization of the request alone.
func (d *modelDef) partitioned() bool {
	if d.rule.index("dom") < 0 || d.request.index("dom") < 0 {
		return false
	}
	compared := false
	for _, part := range conjuncts(d.matcher) {
		field, rel, _, ok := takeRelation(part)
		compared = compared || ok && field == "dom" && rel == relEqual || new(shape).takeAnyDom(part)
	}
	return compared && rolesOfRequest(d, d.matcher)
}

// rolesOfRequest reports whether every call of g names the request's own
// organization, where it names one.
func rolesOfRequest(d *modelDef, e expr) bool {
	switch e := e.(type) {
	case *binaryExpr:
		return rolesOfRequest(d, e.left) && rolesOfRequest(d, e.right)
	case *notExpr:
		return rolesOfRequest(d, e.arg)
	case *callExpr:
		if _, ok := d.role(e.name); ok && len(e.args) == 3 {
			f, ok := e.args[2].(*fieldExpr)
			return ok && f.owner == 'r' && f.name == "dom"
		}
	}
	return true
}

// compile makes a snapshot of a model and rules, all of them or none.
func compile(d *modelDef, rules Rules, revisions map[string]uint64) (*snapshot, error) {
	found := validateRules(d, rules)
	if err := found.errors(); err != nil {
		return nil, err
	}
	parts := partition(d, rules.rows)
	s := &snapshot{def: d, seed: maphash.MakeSeed()}
	common, err := compileSet(d, nil, everyOrganization, parts[everyOrganization], revisions[everyOrganization])
	if err != nil {
		return nil, err
	}
	s.common = common
	delete(parts, everyOrganization)
	for org := range revisions {
		if _, ok := parts[org]; !ok && org != everyOrganization && revisions[org] != 0 {
			parts[org] = nil
		}
	}
	for org, rows := range parts {
		set, err := compileSet(d, common, org, rows, revisions[org])
		if err != nil {
			return nil, err
		}
		k := s.shard(org)
		if s.shards[k] == nil {
			s.shards[k] = map[string]*orgSet{}
		}
		s.shards[k][org] = set
	}
	return s, nil
}

// compileSet compiles the rows of one organization; common is nil for those of
// every one.
func compileSet(d *modelDef, common *orgSet, org string, rows []row, revision uint64) (*orgSet, error) {
	set := &orgSet{organization: org}
	var below *tier
	if common == nil {
		set.commonRevision = revision
	} else {
		set.ownRevision, set.commonRevision = revision, common.commonRevision
		below = common.tier
	}
	if d.shape == nil {
		set.own = rows
		all := rows
		if common != nil {
			all = append(append([]row(nil), common.own...), rows...)
		}
		if err := checkDepth(all); err != nil {
			return nil, err
		}
		var err error
		set.fallback, err = newFallback(d, all)
		return set, err
	}
	t, found := buildTier(d.shape, below, rows)
	if err := found.errors(); err != nil {
		return nil, err
	}
	set.tier = t
	return set, nil
}

// checkDepth refuses chains of roles that are longer than Casbin follows.
func checkDepth(rows []row) error {
	all := map[string]links{}
	for _, r := range rows {
		if r.fields[0] == "p" {
			continue
		}
		if all[r.fields[0]] == nil {
			all[r.fields[0]] = links{}
		}
		all[r.fields[0]].add(r.fields[1], r.fields[2])
	}
	for _, r := range rows {
		if r.fields[0] == "p" {
			continue
		}
		if _, deep := closure(r.fields[1], all[r.fields[0]], nil); deep {
			return &InvalidError{[]Finding{r.finding(Error, "role-too-deep", 1,
				fmt.Sprintf("the chain of roles that begins at %q has more than %d links; Casbin would stop there in silence", r.fields[1], maxRoleDepth), "make the chain shorter")}}
		}
	}
	return nil
}

// put adds a set to a snapshot that is being built.
func (s *snapshot) put(set *orgSet) {
	k := s.shard(set.organization)
	if s.shards[k] == nil {
		s.shards[k] = map[string]*orgSet{}
	}
	s.shards[k][set.organization] = set
}

// withSet gives a snapshot in which one organization has another set.
func (s *snapshot) withSet(set *orgSet) *snapshot {
	next := *s
	k := s.shard(set.organization)
	next.shards[k] = maps.Clone(s.shards[k])
	next.put(set)
	return &next
}

// over compiles every organization anew over other rules for every one. An
// organization whose rules do not go with them is an error, or, with tolerate,
// is denied as stale, it alone, and told.
func (s *snapshot) over(common *orgSet, tolerate func(error)) (*snapshot, error) {
	next := &snapshot{def: s.def, seed: s.seed, common: common}
	for _, shard := range s.shards {
		for org, old := range shard {
			set, err := compileSet(s.def, common, org, old.ownRows(s.def), old.ownRevision)
			if err != nil {
				bad := &SetError{org, err}
				if tolerate == nil {
					return nil, bad
				}
				tolerate(bad)
				if set, err = poisoned(s.def, common, org, old.ownRevision); err != nil {
					return nil, err
				}
			} else {
				set.until = old.until
			}
			next.put(set)
		}
	}
	return next, nil
}

// poisoned is a set that decides nothing: every question of the organization is
// stale.
func poisoned(d *modelDef, common *orgSet, org string, revision uint64) (*orgSet, error) {
	set, err := compileSet(d, common, org, nil, revision)
	if err != nil {
		return nil, &SetError{org, err}
	}
	set.until = time.Unix(1, 0)
	return set, nil
}

// keep gives the rules that an organization has now, over those for every one,
// to be relied on until a moment.
func (s *snapshot) keep(common *orgSet, org string, until time.Time) (*orgSet, error) {
	old := s.set(org)
	var rows []row
	var revision uint64
	if old != s.common {
		rows, revision = old.ownRows(s.def), old.ownRevision
	}
	set, err := compileSet(s.def, common, org, rows, revision)
	if err != nil {
		return poisoned(s.def, common, org, revision)
	}
	set.until = until
	if old != s.common && !old.until.IsZero() {
		set.until = old.until
	}
	return set, nil
}

// revisionOf is the revision of an organization's own rules in force.
func (s *snapshot) revisionOf(org string) uint64 {
	if org == everyOrganization {
		return s.common.commonRevision - 1
	}
	if set := s.set(org); set != s.common {
		return set.ownRevision
	}
	return 0
}

// inForce reports whether the rules of a revision are in force, or newer ones.
func (e *Engine) inForce(c RuleRevision) bool {
	s := e.current.Load()
	set := s.set(c.Organization)
	if c.Organization == everyOrganization {
		set = s.common
	}
	return s.revisionOf(c.Organization) >= c.Revision && set.until.IsZero()
}

// ownRows gives back the rows of one organization's own rules.
func (o *orgSet) ownRows(d *modelDef) []row {
	if o.fallback != nil {
		return o.own
	}
	t := o.tier
	var rows []row
	for i := range t.rules {
		rows = append(rows, t.row(&t.rules[i], o.organization))
	}
	for _, w := range t.linkRows {
		rows = append(rows, row{fields: t.linkFields(w, o.organization), file: t.files[w.file], line: int(w.line)})
	}
	return rows
}
