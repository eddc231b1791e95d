package policy

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// builder compiles rows into a tier.
type builder struct {
	*tier
	condIDs map[string]uint32
	fileIDs map[string]uint8
	objIDs  map[string]uint32
	byBuck  map[uint32]uint32 // object code -> bucket, from 1
	resIDs  map[string]uint32
	loose   []rule
	found   findings
}

// buildTier compiles the rows of one organization over the tier for every one,
// or that tier itself when below is nil. The rows were validated.
func buildTier(s *shape, below *tier, rows []row) (*tier, findings) {
	b := &builder{
		tier:    &tier{shape: s, below: below, names: map[string]uint32{}, links: links{}, groups: links{}, objects: map[string]objectEntry{}, acts: map[string]uint32{}, conds: [][]cell{nil}, condText: []string{""}},
		condIDs: map[string]uint32{}, fileIDs: map[string]uint8{}, objIDs: map[string]uint32{}, byBuck: map[uint32]uint32{}, resIDs: map[string]uint32{},
	}
	if below != nil {
		b.base = below.base + uint32(len(below.nameList))
	}
	for i := range rows {
		b.row(&rows[i])
	}
	b.order()
	b.close(rows)
	return b.tier, b.found
}

func (b *builder) row(r *row) {
	file, ok := b.fileIDs[r.file]
	if !ok {
		file = uint8(min(len(b.files), 255))
		if len(b.files) < 256 {
			b.files = append(b.files, r.file)
		}
		b.fileIDs[r.file] = file
	}
	line := uint32(max(r.line, 0))
	switch r.fields[0] {
	case "g":
		b.links.add(r.fields[1], r.fields[2])
		b.linkRows = append(b.linkRows, linkRow{b.number(r.fields[1]), b.number(r.fields[2]), line, false, file})
	case "g2":
		b.groups.add(r.fields[1], r.fields[2])
		b.linkRows = append(b.linkRows, linkRow{b.resource(r.fields[1]), b.resource(r.fields[2]), line, true, file})
	default:
		b.rule(r.fields[1:], line, file)
	}
}

// number gives a name its number.
func (b *builder) number(name string) uint32 {
	if id, ok := b.id(name); ok {
		return id
	}
	id := b.base + uint32(len(b.nameList))
	name = strings.Clone(name)
	b.names[name] = id
	b.nameList = append(b.nameList, name)
	return id
}

// resource numbers a name that g2 speaks of.
func (b *builder) resource(name string) uint32 { return intern(b.resIDs, &b.resources, name) }

// intern numbers a text by when it was first seen.
func intern(ids map[string]uint32, list *[]string, text string) uint32 {
	id, ok := ids[text]
	if !ok {
		id = uint32(len(*list))
		text = strings.Clone(text)
		ids[text] = id
		*list = append(*list, text)
	}
	return id
}

func (b *builder) rule(v []string, line uint32, file uint8) {
	s := b.shape
	r := rule{sub: b.number(v[s.sub]), line: line, file: file, deny: s.eft >= 0 && v[s.eft] == "deny"}
	r.act = b.action(v[s.act])
	r.bucket = b.bucket(v[s.obj])
	r.cond = b.condition(v)
	b.denies = b.denies || r.deny
	b.loose = append(b.loose, r)
}

func (b *builder) action(pattern string) uint32 {
	base, tree, any := patternCode(b.shape.action, pattern)
	if any {
		return anyCode
	}
	id := intern(b.acts, &b.actList, base)
	if tree {
		return id<<1 | 1
	}
	return id << 1
}

// bucket gives the bucket, from 0, of an object pattern.
func (b *builder) bucket(pattern string) uint32 {
	base, tree, any := patternCode(b.shape.object, pattern)
	code := anyCode
	if !any {
		code = intern(b.objIDs, &b.objList, base) << 1
		if tree {
			code |= 1
			b.depth = max(b.depth, segments(base))
		}
	}
	number, ok := b.byBuck[code]
	if !ok {
		b.buckets = append(b.buckets, bucket{obj: code})
		number = uint32(len(b.buckets))
		b.byBuck[code] = number
		switch e := b.objects[base]; {
		case any:
			b.any = number
		case tree:
			e.tree = number
			b.objects[b.objList[code>>1]] = e
		default:
			e.exact = number
			b.objects[b.objList[code>>1]] = e
		}
	}
	return number - 1
}

// condition gives the number of the conditions of a rule, 0 for none.
func (b *builder) condition(v []string) uint32 {
	var texts []string
	none := true
	for _, c := range b.shape.conditions {
		texts = append(texts, v[c.field])
		none = none && v[c.field] == "*"
	}
	if none {
		return 0
	}
	key := rowKey(texts)
	if id, ok := b.condIDs[key]; ok {
		return id
	}
	cells := make([]cell, len(texts))
	for i, c := range b.shape.conditions {
		// The rows were validated, so that parsing cannot fail; if it did,
		// the condition would never hold for a rule that allows.
		parsed, err := parseCell(c, texts[i])
		if err != nil {
			parsed = neverKnown{}
		}
		cells[i] = parsed
	}
	id := uint32(len(b.conds))
	b.conds = append(b.conds, cells)
	b.condText = append(b.condText, key)
	b.condIDs[key] = id
	return id
}

// neverKnown is a condition of which nothing is known.
type neverKnown struct{}

func (neverKnown) test(*facts) truth { return unknown }

// order puts the rules of each bucket together, by subject.
func (b *builder) order() {
	sort.SliceStable(b.loose, func(i, j int) bool {
		x, y := &b.loose[i], &b.loose[j]
		if x.bucket != y.bucket {
			return x.bucket < y.bucket
		}
		return x.sub < y.sub
	})
	b.rules = slices.Clone(b.loose)
	for i := range b.rules {
		k := &b.buckets[b.rules[i].bucket]
		if k.n == 0 {
			k.off = uint32(i)
		}
		k.n++
	}
	for i := range b.buckets {
		k := &b.buckets[i]
		if k.n < largeBucket {
			continue
		}
		k.find = make(map[uint32]uint32, k.n)
		for j, r := range b.rules[k.off : k.off+k.n] {
			if _, ok := k.find[r.sub]; !ok {
				k.find[r.sub] = uint32(j)
			}
		}
	}
}

// close computes what each name reaches.
func (b *builder) close(rows []row) {
	own, below := b.links, links(nil)
	if b.below != nil {
		below = b.below.links
	}
	follow := b.shape.subject&relRole != 0
	b.closures = make([]span, len(b.nameList))
	for i, name := range b.nameList {
		b.closures[i] = b.closureOf(name, own, below, follow)
	}
	b.extend(own, below)
	if len(b.groups) > 0 {
		b.closeGroups()
	}
	if b.below != nil {
		b.links, b.groups = nil, nil
	}
	b.compact()
	if len(b.found) == 0 {
		return
	}
	for i, f := range b.found {
		b.found[i].Fix = "make the chain shorter"
		for _, r := range rows {
			if r.fields[0] == "p" || r.fields[1] != f.Fix && b.found[i].Line != 0 {
				continue
			}
			// The row of that name, or the first link if it is written elsewhere.
			line, col := r.at(1)
			b.found[i].File, b.found[i].Line, b.found[i].Column = r.file, line, col
			if r.fields[1] == f.Fix {
				break
			}
		}
	}
}

func (b *builder) closureOf(name string, own, below links, follow bool) span {
	reached := []string{name}
	if follow {
		var deep bool
		reached, deep = closure(name, own, below)
		if deep {
			b.tooDeep(name)
		}
	}
	s := span{uint32(len(b.pool)), uint32(len(reached))}
	for _, n := range reached {
		b.pool = append(b.pool, b.number(n))
	}
	return s
}

// tooDeep reports a chain of roles that Casbin would not follow to its end.
func (b *builder) tooDeep(name string) {
	b.found.add(Finding{Level: Error, Code: "role-too-deep",
		Message: fmt.Sprintf("the chain of roles that begins at %q has more than %d links; Casbin would stop there in silence", name, maxRoleDepth), Fix: name})
}

// extend recomputes what names below reach, where own links add to it.
func (b *builder) extend(own, below links) {
	if b.below == nil || b.shape.subject&relRole == 0 {
		return
	}
	var sources []uint32
	for member := range own {
		if id, ok := b.below.id(member); ok {
			sources = append(sources, id)
		}
	}
	if sources == nil {
		return
	}
	b.extended = map[uint32]span{}
	for id, name := range b.below.nameList {
		s := b.below.closures[id]
		for _, source := range sources {
			if slices.Contains(b.below.pool[s.off:s.off+s.n], source) {
				b.extended[uint32(id)] = b.closureOf(name, own, below, true)
				break
			}
		}
	}
}

// closeGroups computes the groups of each object.
func (b *builder) closeGroups() {
	b.member = map[string][]string{}
	var below links
	if b.below != nil {
		below = b.below.groups
	}
	add := func(set links) {
		for member := range set {
			reached, deep := closure(member, b.groups, below)
			if deep {
				b.tooDeep(member)
			}
			b.member[member] = reached
		}
	}
	add(b.groups)
	add(below)
}

// What tiers without conditions share.
var (
	noConditions     = [][]cell{nil}
	noConditionTexts = []string{""}
)

// compact gives back the room that growing slices left.
func (b *builder) compact() {
	b.buckets = slices.Clone(b.buckets)
	b.pool, b.nameList = slices.Clone(b.pool), slices.Clone(b.nameList)
	b.linkRows, b.objList = slices.Clone(b.linkRows), slices.Clone(b.objList)
	// Many organizations have members and no rules of their own.
	if len(b.rules) == 0 {
		b.objects, b.acts = nil, nil
	}
	if len(b.conds) == 1 {
		b.conds, b.condText = noConditions, noConditionTexts
	}
}
