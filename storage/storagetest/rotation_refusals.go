package storagetest

import (
	"time"

	"github.com/gatewright/gatewright/storage"
)

var rotationRefusals = []test{
	{"Unknown", rotateUnknown},
	{"UnknownVirtual", rotateUnknownVirtual},
	{"Inactive", rotateInactive},
	{"NoClient", rotateNoClient},
	{"JustInTime", rotateJustInTime},
}

// untouched requires that fn changes neither the grant nor what is recorded of it.
func (k *kit) untouched(id storage.ID, fn func()) {
	k.Helper()
	before, errBefore := k.store.Grant(k.ctx, id)
	changeBefore := k.grantChange(id)
	fn()
	after, errAfter := k.store.Grant(k.ctx, id)
	k.equal("grant", before, after)
	k.equal("there being a grant", errBefore == nil, errAfter == nil)
	k.equal("change", changeBefore, k.grantChange(id))
}

func rotateUnknown(k *kit) {
	o := k.organization()
	other := k.client(o.ID)
	raise := func(k *kit, c storage.Client, m storage.Member, which string) {
		switch which {
		case "client":
			k.updateClient(c, func(c *storage.Client) { c.Epoch++ })
		case "organization":
			o, err := k.store.Organization(k.ctx, c.Organization)
			k.must(err)
			k.updateOrganization(o, func(o *storage.Organization) { o.Epoch++ })
		case "member":
			k.updateMember(m, func(m *storage.Member) { m.Epoch++ })
		}
	}
	for _, refusal := range []struct {
		name  string
		grant func(*storage.Grant)
		edit  func(*storage.Rotation)
		raise string
	}{
		{name: "no such grant", edit: func(r *storage.Rotation) { r.ID = storage.NewID(k.now) }},
		{name: "another client", edit: func(r *storage.Rotation) { r.Client = other.ID }},
		{name: "another client with a stale token", edit: func(r *storage.Rotation) { r.Client = other.ID; r.From-- }},
		{name: "no client", edit: func(r *storage.Rotation) { r.Client = "" }},
		{name: "another secret", edit: func(r *storage.Rotation) { r.Presented = k.key() }},
		{name: "part of the secret", edit: func(r *storage.Rotation) { r.Presented = r.Presented[:31] }},
		{name: "no secret", edit: func(r *storage.Rotation) { r.Presented = nil }},
		{name: "no secret, and none stored", grant: func(g *storage.Grant) { g.Refresh = nil }},
		{name: "a generation to come", edit: func(r *storage.Rotation) { r.From++ }},
		{name: "the last generation there is", edit: func(r *storage.Rotation) { r.From = 1<<32 - 1 }},
		{name: "expired", grant: func(g *storage.Grant) { g.ExpiresAt = k.now.Add(-day) }},
		{name: "expired right now", grant: func(g *storage.Grant) { g.ExpiresAt = k.now }},
		{name: "idle for too long", grant: func(g *storage.Grant) { g.IdleAt = k.now.Add(-day) }},
		{name: "idle for too long right now", grant: func(g *storage.Grant) { g.IdleAt = k.now }},
		{name: "expired, stale token", grant: func(g *storage.Grant) { g.ExpiresAt = k.now }, edit: func(r *storage.Rotation) { r.From-- }},
		{name: "ended", grant: func(g *storage.Grant) { g.EndedAt, g.EndReason = k.now.Add(-hour), "revoked" }},
		{name: "ended, to come", grant: func(g *storage.Grant) { g.EndedAt, g.EndReason = k.now.Add(hour), "revoked" }},
		{name: "ended, stale token", grant: func(g *storage.Grant) { g.EndedAt, g.EndReason = k.now.Add(-hour), "revoked" }, edit: func(r *storage.Rotation) { r.From-- }},
		{name: "epoch of the client", raise: "client"},
		{name: "epoch of the organization", raise: "organization"},
		{name: "epoch of the member", raise: "member"},
		{name: "epoch of the client, stale token", raise: "client", edit: func(r *storage.Rotation) { r.From-- }},
	} {
		k.sub(refusal.name, func(k *kit) {
			c := k.client(k.organization().ID)
			m := k.member(c.Organization)
			g := k.grant(c, func(g *storage.Grant) {
				g.Subject = m.Subject
				if refusal.grant != nil {
					refusal.grant(g)
				}
			})
			raise(k, c, m, refusal.raise)
			r := k.rotation(g)
			if refusal.edit != nil {
				refusal.edit(&r)
			}
			k.untouched(g.ID, func() {
				answer := k.rotate(r, storage.Unknown)
				k.equal("changes", 0, len(answer.Changes))
			})
			if r.ID != g.ID {
				k.noGrant(r.ID)
			}
		})
	}
}

func rotateUnknownVirtual(k *kit) {
	o := k.organization()
	other := k.client(o.ID)
	for _, refusal := range []struct {
		name  string
		grant func(*storage.Grant)
		edit  func(*storage.Rotation)
		raise bool
	}{
		{name: "nothing to make a row of", edit: func(r *storage.Rotation) { r.Virtual = nil }},
		{name: "another client", edit: func(r *storage.Rotation) { r.Client = other.ID }},
		{name: "a generation to come", edit: func(r *storage.Rotation) { r.From = 1 }},
		{name: "another secret", edit: func(r *storage.Rotation) { r.Presented = k.key() }},
		{name: "no secret at all", grant: func(g *storage.Grant) { g.Refresh = nil }},
		{name: "expired right now", grant: func(g *storage.Grant) { g.ExpiresAt = k.now }},
		{name: "idle for too long right now", grant: func(g *storage.Grant) { g.IdleAt = k.now }},
		{name: "epoch of the client", raise: true},
	} {
		k.sub(refusal.name, func(k *kit) {
			c := k.client(o.ID)
			g := k.virtual(c)
			if refusal.grant != nil {
				refusal.grant(&g)
			}
			if refusal.raise {
				k.updateClient(c, func(c *storage.Client) { c.Epoch++ })
			}
			r := k.rotation(g)
			r.Virtual = &g
			if refusal.edit != nil {
				refusal.edit(&r)
			}
			answer := k.rotate(r, storage.Unknown)
			k.equal("changes", 0, len(answer.Changes))
			k.noGrant(g.ID)
			if k.grantChange(g.ID) != nil {
				k.Errorf("a refused rotation wrote a change")
			}
		})
	}
}

// cast is everyone whose status counts for a grant.
type cast struct {
	organization storage.Organization // the client's
	other        storage.Organization // the grant's, if it has another
	client       storage.Client
	member       storage.Member // of the grant's organization
}

// inactivity is a way to make a grant's tokens useless for a while.
type inactivity struct {
	name  string
	other bool // the grant is of another organization
	stop  func(k *kit, c *cast)
	start func(k *kit, c *cast) // nil if final
}

var inactivities = []inactivity{
	{name: "client suspended", stop: func(k *kit, c *cast) {
		c.client = k.updateClient(c.client, func(c *storage.Client) { c.Status = storage.Suspended })
	}, start: func(k *kit, c *cast) {
		c.client = k.updateClient(c.client, func(c *storage.Client) { c.Status = storage.Active })
	}},
	{name: "client revoked", stop: func(k *kit, c *cast) {
		c.client = k.updateClient(c.client, func(c *storage.Client) { c.Status = storage.Revoked })
	}},
	{name: "client expired", stop: func(k *kit, c *cast) {
		c.client = k.updateClient(c.client, func(c *storage.Client) { c.ExpiresAt = k.now })
	}, start: func(k *kit, c *cast) {
		c.client = k.updateClient(c.client, func(c *storage.Client) { c.ExpiresAt = k.now.Add(hour) })
	}},
	{name: "organization suspended", stop: func(k *kit, c *cast) {
		c.organization = k.updateOrganization(c.organization, func(o *storage.Organization) { o.Status = storage.Suspended })
	}, start: func(k *kit, c *cast) {
		c.organization = k.updateOrganization(c.organization, func(o *storage.Organization) { o.Status = storage.Active })
	}},
	{name: "organization revoked", stop: func(k *kit, c *cast) {
		c.organization = k.updateOrganization(c.organization, func(o *storage.Organization) { o.Status = storage.Revoked })
	}},
	{name: "client's organization suspended, grant of another", other: true, stop: func(k *kit, c *cast) {
		c.organization = k.updateOrganization(c.organization, func(o *storage.Organization) { o.Status = storage.Suspended })
	}, start: func(k *kit, c *cast) {
		c.organization = k.updateOrganization(c.organization, func(o *storage.Organization) { o.Status = storage.Active })
	}},
	{name: "the other organization suspended", other: true, stop: func(k *kit, c *cast) {
		c.other = k.updateOrganization(c.other, func(o *storage.Organization) { o.Status = storage.Suspended })
	}, start: func(k *kit, c *cast) {
		c.other = k.updateOrganization(c.other, func(o *storage.Organization) { o.Status = storage.Active })
	}},
	{name: "member suspended", stop: func(k *kit, c *cast) {
		c.member = k.updateMember(c.member, func(m *storage.Member) { m.Status = storage.Suspended })
	}, start: func(k *kit, c *cast) {
		c.member = k.updateMember(c.member, func(m *storage.Member) { m.Status = storage.Active })
	}},
	{name: "member revoked", stop: func(k *kit, c *cast) {
		c.member = k.updateMember(c.member, func(m *storage.Member) { m.Status = storage.Revoked })
	}},
}

// newCast stores the cast of an inactivity, all of them active.
func (k *kit) newCast(i inactivity) *cast {
	k.Helper()
	c := &cast{organization: k.organization()}
	c.client, c.other = k.client(c.organization.ID), c.organization
	if i.other {
		c.other = k.organization()
	}
	c.member = k.member(c.other.ID)
	return c
}

func rotateInactive(k *kit) {
	for _, i := range inactivities {
		k.sub(i.name, func(k *kit) {
			c := k.newCast(i)
			of := func(g *storage.Grant) { g.Organization, g.Subject = c.other.ID, c.member.Subject }
			stored, used, virtual := k.grant(c.client, of), k.grant(c.client, of), k.virtual(c.client)
			of(&virtual)
			first := k.rotation(used)
			k.rotate(first, storage.Done)

			good, stale, fresh := k.rotation(stored), first, k.rotation(virtual)
			stale.Next = k.key()
			retry := stale
			retry.Grace, fresh.Virtual = hour, &virtual
			i.stop(k, c)
			for name, r := range map[string]storage.Rotation{"current": good, "stale": stale, "graceable": retry, "virtual": fresh} {
				k.untouched(r.ID, func() {
					answer := k.rotate(r, storage.Inactive)
					k.equal("changes for the "+name+" token", 0, len(answer.Changes))
				})
			}
			if i.start == nil {
				return
			}
			i.start(k, c)
			k.rotate(good, storage.Done)
			k.rotate(fresh, storage.Done)
			k.rotate(retry, storage.Graced)
		})
	}
}

func rotateNoClient(k *kit) {
	o := k.organization()
	ghost := k.newClient(o.ID) // never stored
	g, virtual := k.grant(ghost), k.virtual(ghost)
	fresh := k.rotation(virtual)
	fresh.Virtual = &virtual
	for _, r := range []storage.Rotation{k.rotation(g), fresh} {
		k.untouched(r.ID, func() {
			answer, err := k.store.Rotate(k.ctx, r)
			k.must(err)
			if answer.Outcome != storage.Inactive && answer.Outcome != storage.Unknown {
				k.Errorf("a client that is not there got %v", answer.Outcome)
			}
		})
	}
}

// rotateJustInTime is what stands right beside the refusals.
func rotateJustInTime(k *kit) {
	o := k.organization()
	soon := k.now.Add(time.Millisecond)
	c := k.client(o.ID, func(c *storage.Client) { c.ExpiresAt = soon })
	for name, edit := range map[string]func(*storage.Grant){
		"expires soon":        func(g *storage.Grant) { g.ExpiresAt = soon },
		"idle soon":           func(g *storage.Grant) { g.IdleAt = soon },
		"never expires":       func(g *storage.Grant) { g.ExpiresAt, g.IdleAt = time.Time{}, time.Time{} },
		"without an end":      func(g *storage.Grant) { g.ExpiresAt = time.Time{} },
		"without idleness":    func(g *storage.Grant) { g.IdleAt = time.Time{} },
		"of no organization":  func(g *storage.Grant) { g.Organization = "" },
		"generation 0, a row": func(g *storage.Grant) { g.Generation = 0 },
		"long secret":         func(g *storage.Grant) { g.Refresh = append(g.Refresh, g.Refresh...) },
	} {
		k.sub(name, func(k *kit) {
			g := k.grant(c, edit)
			k.rotate(k.rotation(g), storage.Done)
			virtual := k.virtual(c)
			edit(&virtual)
			r := k.rotation(virtual)
			r.Virtual = &virtual
			k.rotate(r, storage.Done)
		})
	}
}
