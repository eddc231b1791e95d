package feed

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/gatewright/gatewright/storage"
)

// name is the key of everything but grants. Members have both parts, so that no
// key needs to be put together for a check.
type name struct {
	kind storage.ChangeKind
	a, b string
}

// owner counts what one client's grants take.
type owner struct {
	client string
	n      int         // the writer's
	over   atomic.Bool // some of its changes were not kept
}

// limits of a view.
type limits struct {
	total, perClient int
}

// view is everything that is known. Readers take no lock; one writer at a time
// applies changes.
type view struct {
	seed   maphash.Seed
	limits limits

	grants table[storage.ID]
	names  table[name]
	owners map[string]*owner // the writer's
	// overs are the owners that are over, for readers.
	overs table[string]
	// full means that something was not kept for want of room.
	full   atomic.Bool
	cursor atomic.Uint64
}

func newView(seed maphash.Seed, l limits) *view {
	return &view{seed: seed, limits: l, owners: map[string]*owner{}}
}

func (v *view) hashGrant(id *storage.ID) uint64 { return maphash.Bytes(v.seed, id[:]) }

func (v *view) hashName(k *name) uint64 {
	h := maphash.String(v.seed, k.a)
	if k.b != "" {
		h = h*0x9e3779b97f4a7c15 ^ maphash.String(v.seed, k.b)
	}
	return h + uint64(k.kind)*0xff51afd7ed558ccd
}

func nameOf(kind storage.ChangeKind, id string) name {
	if kind == storage.MemberChange {
		organization, subject, _ := strings.Cut(id, "\x00")
		return name{kind, organization, subject}
	}
	return name{kind: kind, a: id}
}

// get returns what is known under a key.
func (v *view) get(kind storage.ChangeKind, id string) (state, bool) {
	if kind == storage.GrantChange {
		var g storage.ID
		if len(id) != len(g) {
			return state{}, false
		}
		copy(g[:], id)
		if n := v.grants.get(v.hashGrant(&g), g); n != nil {
			return n.state, true
		}
		return state{}, false
	}
	k := nameOf(kind, id)
	if n := v.names.get(v.hashName(&k), k); n != nil {
		return n.state, true
	}
	return state{}, false
}

// apply merges a change and reports whether anything is new in it. What finds no
// room is counted as new, and marks its client, or all, as not known here.
func (v *view) apply(c *storage.Change) bool {
	s := stateOf(c)
	if c.Kind == storage.GrantChange {
		return v.applyGrant(c, s)
	}
	k := nameOf(c.Kind, c.ID)
	h := v.hashName(&k)
	if n := v.names.get(h, k); n != nil {
		merged := n.state.merge(s)
		if merged == n.state {
			return false
		}
		v.names.put(&node[name]{hash: h, key: n.key, state: merged})
		return true
	}
	if v.size() >= v.limits.total {
		v.full.Store(true)
		return true
	}
	k.a, k.b = strings.Clone(k.a), strings.Clone(k.b)
	v.names.put(&node[name]{hash: h, key: k, state: s})
	return true
}

func (v *view) applyGrant(c *storage.Change, s state) bool {
	var g storage.ID
	if len(c.ID) != len(g) {
		return false // names no grant
	}
	copy(g[:], c.ID)
	h := v.hashGrant(&g)
	if n := v.grants.get(h, g); n != nil {
		merged := n.state.merge(s)
		if merged == n.state {
			return false
		}
		v.grants.put(&node[storage.ID]{hash: h, key: g, state: merged, owner: n.owner})
		return true
	}
	if v.size() >= v.limits.total {
		v.full.Store(true)
		return true
	}
	var o *owner
	if c.Client != "" {
		if o = v.owners[c.Client]; o == nil {
			o = &owner{client: strings.Clone(c.Client)}
			v.owners[o.client] = o
		}
		if o.n >= v.limits.perClient {
			if !o.over.Swap(true) {
				v.overs.put(&node[string]{hash: maphash.String(v.seed, o.client), key: o.client})
			}
			return true
		}
		o.n++
	}
	v.grants.put(&node[storage.ID]{hash: h, key: g, state: s, owner: o})
	return true
}

func (v *view) size() int { return v.grants.used + v.names.used }

// covers reports whether everything about a client's tokens is known here.
func (v *view) covers(client string) bool {
	if v.full.Load() {
		return false
	}
	return v.overs.empty() || v.overs.get(maphash.String(v.seed, client), client) == nil
}

// check decides on a ticket by what is known. Final reasons come first.
func (v *view) check(t *Ticket) error {
	var verdict error
	if !v.grants.empty() {
		if n := v.grants.get(v.hashGrant(&t.Grant), t.Grant); n != nil {
			verdict = worse(verdict, n.state.verdict(anyEpoch, t.Generation))
		}
	}
	if v.names.empty() {
		return verdict
	}
	verdict = worse(verdict, v.checkName(name{kind: storage.ClientChange, a: t.Client}, t.ClientEpoch))
	if t.Organization != "" {
		verdict = worse(verdict, v.checkName(name{kind: storage.OrganizationChange, a: t.Organization}, t.OrganizationEpoch))
		if t.Subject != "" {
			verdict = worse(verdict, v.checkName(name{storage.MemberChange, t.Organization, t.Subject}, t.MemberEpoch))
		}
	}
	return verdict
}

func (v *view) checkName(k name, epoch uint64) error {
	n := v.names.get(v.hashName(&k), k)
	if n == nil {
		return nil
	}
	if k.kind == storage.MemberChange {
		return n.state.membership(epoch)
	}
	return n.state.verdict(epoch, anyGeneration)
}

// worse returns the verdict to give when there are two: a suspension, which may
// be lifted, hides no other reason.
func worse(a, b error) error {
	if b == nil || a != nil && a != ErrSuspended {
		return a
	}
	return b
}
