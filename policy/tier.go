package policy

import (
	"slices"
	"strings"
)

// tier is one compiled set of rules: those for every organization, or those of
// one. It is immutable once built. Names, objects and actions are numbered; the
// numbers of names go on from those of the tier below.
type tier struct {
	shape *shape
	below *tier // the rules for every organization, nil in that tier itself

	names    map[string]uint32 // names first seen in this tier
	nameList []string
	base     uint32 // number of the first of them
	closures []span // of those names, into pool
	pool     []uint32
	// extended holds the closures of names below that links of this tier
	// extend.
	extended map[uint32]span

	links  links               // g; kept only in the tier for every organization
	groups links               // g2; likewise
	member map[string][]string // closures over g2

	objects  map[string]objectEntry
	objList  []string
	any      uint32 // bucket of the object "*", numbered from 1
	buckets  []bucket
	acts     map[string]uint32
	actList  []string
	rules    []rule
	conds    [][]cell // the first is empty
	condText []string
	depth    int // most segments of a pattern OBJECT:*
	denies   bool
	files    []string
	linkRows []linkRow
	// resources are the names that g2 speaks of.
	resources []string
}

// span is a part of a pool.
type span struct{ off, n uint32 }

// objectEntry gives the buckets of the rules on exactly an object, and on it and
// everything inside, numbered from 1.
type objectEntry struct{ exact, tree uint32 }

// bucket is the rules on one object pattern, ordered by subject. find gives the
// first rule of a subject in large buckets.
type bucket struct {
	off, n uint32
	obj    uint32 // object<<1 | tree; anyCode for "*"
	find   map[uint32]uint32
}

// largeBucket is the size from which a bucket is looked up and not scanned.
const largeBucket = 16

// rule is a compiled rule. act is action<<1, plus 1 for a pattern ACTION:*, or
// anyCode.
type rule struct {
	sub, act, bucket, cond, line uint32
	deny                         bool
	file                         uint8
}

const anyCode = ^uint32(0)

// linkRow is a link of g, between numbered names, or of g2, between numbered
// resources.
type linkRow struct {
	member, role, line uint32
	group              bool
	file               uint8
}

// name gives the text of a numbered name.
func (t *tier) name(id uint32) string {
	if id < t.base {
		return t.below.name(id)
	}
	return t.nameList[id-t.base]
}

// id gives the number of a name in this tier or below.
func (t *tier) id(name string) (uint32, bool) {
	if id, ok := t.names[name]; ok {
		return id, true
	}
	if t.below != nil {
		return t.below.id(name)
	}
	return 0, false
}

// reach gives the numbers of a name and of every role it has; nil if no rule
// knows the name.
func (t *tier) reach(name string) []uint32 {
	id, ok := t.id(name)
	if !ok {
		return nil
	}
	return t.reachOf(id)
}

// reachBytes is reach for a name that was put together, without allocating.
func (t *tier) reachBytes(name []byte) []uint32 {
	id, ok := t.names[string(name)]
	if !ok && t.below != nil {
		id, ok = t.below.names[string(name)]
	}
	if !ok {
		return nil
	}
	return t.reachOf(id)
}

// reachOf is reach for a numbered name.
func (t *tier) reachOf(id uint32) []uint32 {
	if id >= t.base {
		s := t.closures[id-t.base]
		return t.pool[s.off : s.off+s.n]
	}
	if s, ok := t.extended[id]; ok {
		return t.pool[s.off : s.off+s.n]
	}
	return t.below.reachOf(id)
}

// groupsOf gives an object and every group it belongs to, the object first.
func (t *tier) groupsOf(object string) []string {
	if m, ok := t.member[object]; ok {
		return m
	}
	if t.below != nil {
		return t.below.groupsOf(object)
	}
	return nil
}

// objectPattern and actionPattern give back what a rule says.
func (t *tier) objectPattern(r *rule) string {
	code := t.buckets[r.bucket].obj
	return decode(t.objList, code)
}

func (t *tier) actionPattern(r *rule) string { return decode(t.actList, r.act) }

func decode(list []string, code uint32) string {
	if code == anyCode {
		return "*"
	}
	if code&1 == 1 {
		return list[code>>1] + ":*"
	}
	return list[code>>1]
}

// ends gives the names that a link joins.
func (t *tier) ends(w linkRow) (member, role string) {
	if w.group {
		return t.resources[w.member], t.resources[w.role]
	}
	return t.name(w.member), t.name(w.role)
}

// patternCode splits a pattern into its base and whether it is a tree.
func patternCode(rel relation, pattern string) (base string, tree, any bool) {
	if rel&relPattern == 0 {
		return pattern, false, false
	}
	if pattern == "*" {
		return "", false, true
	}
	base, tree = strings.CutSuffix(pattern, ":*")
	return base, tree, false
}

// match looks for rules of this tier. It gives the first that denies, and else
// the first that allows, both numbered from 1, 0 for none. Facts are not part of
// the input, whose slices live on the caller's stack: conditions are interfaces,
// and what is handed to one goes to the heap.
func (t *tier) match(in *input, f *facts) (allow, deny uint32) {
	if len(t.rules) == 0 {
		return 0, 0
	}
	m := matching{}
	t.actionCodes(in.action, &m)
	if m.n == 0 && !m.any {
		return 0, 0
	}
	if t.any != 0 {
		t.scan(&m, in, f, t.any)
	}
	object := in.object
	if e, ok := t.objects[object]; ok {
		t.scan(&m, in, f, e.exact)
		t.scan(&m, in, f, e.tree)
	}
	if t.depth > 0 {
		seg := 0
		for i := 0; i < len(object) && seg < t.depth && m.deny == 0; i++ {
			if object[i] == ':' {
				seg++
				if e, ok := t.objects[object[:i]]; ok {
					t.scan(&m, in, f, e.tree)
				}
			}
		}
	}
	for _, group := range in.groups {
		if group != object {
			t.scan(&m, in, f, t.objects[group].exact)
		}
	}
	return m.allow, m.deny
}

// matching is the state of one search in one tier: the codes of rules that cover
// the action, and what was found.
type matching struct {
	codes       [maxSegments + 2]uint32
	n           int
	any         bool
	allow, deny uint32
}

func (t *tier) actionCodes(action string, m *matching) {
	m.any = t.shape.action&relPattern != 0
	if id, ok := t.acts[action]; ok {
		m.codes[0] = id << 1
		m.n = 1
		if m.any {
			m.codes[1] = id<<1 | 1
			m.n = 2
		}
	}
	if !m.any {
		return
	}
	for i := 0; i < len(action); i++ {
		if action[i] == ':' {
			if id, ok := t.acts[action[:i]]; ok {
				m.codes[m.n] = id<<1 | 1
				m.n++
			}
		}
	}
}

func (m *matching) covers(code uint32) bool {
	if code == anyCode {
		return m.any
	}
	for _, have := range m.codes[:m.n] {
		if have == code {
			return true
		}
	}
	return false
}

// scan looks at the rules of a bucket, numbered from 1; 0 is none.
func (t *tier) scan(m *matching, in *input, f *facts, number uint32) {
	if number == 0 || m.deny != 0 {
		return
	}
	b := &t.buckets[number-1]
	end := b.off + b.n
	if b.find == nil {
		for i := b.off; i < end; i++ {
			if slices.Contains(in.who, t.rules[i].sub) {
				t.consider(m, f, i)
			}
		}
		return
	}
	for _, sub := range in.who {
		first, ok := b.find[sub]
		if !ok {
			continue
		}
		for i := b.off + first; i < end && t.rules[i].sub == sub; i++ {
			t.consider(m, f, i)
		}
	}
}

// consider takes a rule on the right subject and object.
func (t *tier) consider(m *matching, f *facts, i uint32) {
	r := &t.rules[i]
	if m.deny != 0 || !r.deny && m.allow != 0 || !m.covers(r.act) {
		return
	}
	if r.cond != 0 && !t.conditionsHold(r, f) {
		return
	}
	if r.deny {
		m.deny = i + 1
	} else {
		m.allow = i + 1
	}
}

// conditionsHold reports whether every condition of a rule holds.
func (t *tier) conditionsHold(r *rule, f *facts) bool {
	if f.suppose != nil {
		return t.supposed(r, f)
	}
	for _, c := range t.conds[r.cond] {
		if c != nil && !c.test(f).holds(r.deny) {
			return false
		}
	}
	return true
}

// supposed is conditionsHold for what is supposed and not known.
func (t *tier) supposed(r *rule, f *facts) bool {
	texts := strings.Split(t.condText[r.cond], "\x00")
	for i, c := range t.shape.conditions {
		if texts[i] != "*" && !f.suppose[supposition{c.function, c.attribute, texts[i]}].holds(r.deny) {
			return false
		}
	}
	return true
}
