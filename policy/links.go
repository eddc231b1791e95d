package policy

import (
	"math"
	"slices"
)

// maxRoleDepth is how many links a chain of roles may have. Casbin follows ten
// and then answers false without a word, which for a rule that denies means that
// it does not; one link is kept for the role that a question itself names.
const maxRoleDepth = 9

// links are the direct links of one kind of role: member to roles, in the order
// of the rows.
type links map[string][]string

func (l links) add(member, role string) {
	if !slices.Contains(l[member], role) {
		l[member] = append(l[member], role)
	}
}

// closure lists everything reached from a name over one or two sets of links,
// the name first, the nearest next; tooDeep if that takes too many steps.
func closure(name string, a, b links) (reached []string, tooDeep bool) {
	reached = []string{name}
	seen := map[string]bool{name: true}
	for depth, from := 0, 0; from < len(reached); depth++ {
		until := len(reached)
		for _, member := range reached[from:until] {
			for _, set := range [2]links{a, b} {
				for _, role := range set[member] {
					if !seen[role] {
						seen[role] = true
						reached = append(reached, role)
					}
				}
			}
		}
		from = until
		if len(reached) > until && depth >= maxRoleDepth {
			return reached, true
		}
	}
	return reached, false
}

// chain gives a shortest chain of links from one name to another, both
// included; nil if there is none.
func chain(from, to string, a, b links) []string { return chainWithin(from, to, a, b, math.MaxInt) }

// chainWithin is chain for chains of at most so many links.
func chainWithin(from, to string, a, b links, limit int) []string {
	before := map[string]string{from: ""}
	nearest := []string{from}
	for n := 0; len(nearest) > 0 && n <= limit; n++ {
		var next []string
		for _, member := range nearest {
			if member == to {
				var path []string
				for at := to; at != from; at = before[at] {
					path = append(path, at)
				}
				path = append(path, from)
				slices.Reverse(path)
				return path
			}
			for _, set := range [2]links{a, b} {
				for _, role := range set[member] {
					if _, ok := before[role]; !ok {
						before[role] = member
						next = append(next, role)
					}
				}
			}
		}
		nearest = next
	}
	return nil
}

// roleLinks are the links of every kind and organization, by "g", a zero byte
// and the organization, which is "" for links that hold at large.
type roleLinks map[string]links

// add adds a row "g", member, role and perhaps organization.
func (l roleLinks) add(fields []string) {
	key := fields[0] + "\x00"
	if len(fields) == 4 {
		key += fields[3]
	}
	if l[key] == nil {
		l[key] = links{}
	}
	l[key].add(fields[1], fields[2])
}

// in gives the links of a kind that hold in a domain: its own, and those written
// for every one.
func (l roleLinks) in(key, domain string) (own, every links) {
	own = l[key+"\x00"+domain]
	if domain != "" && domain != everyOrganization {
		every = l[key+"\x00"+everyOrganization]
	}
	return own, every
}

// asked is a question as role links and conditions see it.
type asked struct {
	organization, subject string
	facts                 *facts
}

// has reports whether a member has a role in a domain, by links or because the
// question says that its subject holds it there.
func (l roleLinks) has(key, member, role, domain string, q *asked) bool {
	return l.chain(key, member, role, domain, q) != nil
}

// chain gives the links from a member to a role, both included; nil if there
// are none.
func (l roleLinks) chain(key, member, role, domain string, q *asked) []string {
	own, every := l.in(key, domain)
	if path := chain(member, role, own, every); path != nil {
		return path
	}
	if key != "g" || member != q.subject || domain != "" && domain != q.organization {
		return nil
	}
	for _, held := range q.facts.roles {
		if path := chain(roleName(held), role, own, every); path != nil {
			return append([]string{member}, path...)
		}
	}
	return nil
}
