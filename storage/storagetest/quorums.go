package storagetest

import "github.com/gatewright/gatewright/storage"

var quorums = []test{
	{"LastClient", func(k *kit) {
		for name, demote := range map[string]func(*storage.Client){
			"role taken":  func(c *storage.Client) { c.Roles = []string{"viewer"} },
			"suspended":   func(c *storage.Client) { c.Status = storage.Suspended },
			"revoked":     func(c *storage.Client) { c.Status = storage.Revoked },
			"expiring":    func(c *storage.Client) { c.ExpiresAt = k.now.Add(day) },
			"bounded":     func(c *storage.Client) { c.Boundary = []string{"account:read"} },
			"role's case": func(c *storage.Client) { c.Roles = []string{"Admin"} },
			"no roles":    func(c *storage.Client) { c.Roles = nil },
		} {
			k.sub(name, func(k *kit) {
				o, other := k.organization(), k.organization()
				admin := func(c *storage.Client) { c.Roles = []string{"viewer", "admin"} }
				last := k.client(o.ID, admin)
				// None of these can stand in for it.
				k.client(other.ID, admin)
				k.member(other.ID, func(m *storage.Member) { m.Roles = []string{"admin"} })
				k.client(o.ID, func(c *storage.Client) { c.Roles = []string{"viewer", "administrator"} })
				k.client(o.ID, func(c *storage.Client) { admin(c); c.Status = storage.Suspended })
				k.client(o.ID, func(c *storage.Client) { admin(c); c.ExpiresAt = k.now.Add(day) })
				k.client(o.ID, func(c *storage.Client) { admin(c); c.Boundary = []string{"key:manage"} })
				k.client(o.ID, func(c *storage.Client) { admin(c); c.Environment = "sandbox" })
				k.client(o.ID, func(c *storage.Client) { admin(c); c.Environment = "" })
				k.member(o.ID, func(m *storage.Member) { m.Roles, m.Status = []string{"admin"}, storage.Suspended })

				q := storage.Quorum{Organization: o.ID, Environment: "production", Role: "admin"}
				next := last
				demote(&next)
				e := k.event("key.updated", last.ID)
				_, err := k.store.UpdateClient(k.ctx, next, q, k.now.Add(hour), e)
				k.is(err, storage.ErrLastHolder)
				k.notRecorded(e)
				got, err := k.store.Client(k.ctx, last.ID)
				k.must(err)
				k.equal("client", last, got)
				if k.change(storage.ClientChange, last.ID) != nil {
					k.Errorf("a refused update wrote a change")
				}

				// Keeping the role is allowed, and a member can stand in for a client.
				last.Name = "renamed"
				_, err = k.store.UpdateClient(k.ctx, last, q, k.now.Add(hour), k.event("key.updated", last.ID))
				k.must(err)
				k.member(o.ID, func(m *storage.Member) { m.Roles = []string{"admin"} })
				next.Version++
				_, err = k.store.UpdateClient(k.ctx, next, q, k.now.Add(hour), k.event("key.updated", last.ID))
				k.must(err)
			})
		}
	}},
	{"LastMember", func(k *kit) {
		for name, demote := range map[string]func(*storage.Member){
			"role taken": func(m *storage.Member) { m.Roles = []string{"viewer"} },
			"suspended":  func(m *storage.Member) { m.Status = storage.Suspended },
			"revoked":    func(m *storage.Member) { m.Status = storage.Revoked },
		} {
			k.sub(name, func(k *kit) {
				o := k.organization()
				last := k.member(o.ID, func(m *storage.Member) { m.Roles = []string{"admin"} })
				k.client(o.ID, func(c *storage.Client) { c.Roles, c.Status = []string{"admin"}, storage.Suspended })

				q := storage.Quorum{Organization: o.ID, Environment: "production", Role: "admin"}
				next := last
				demote(&next)
				e := k.event("member.updated", last.Subject)
				_, err := k.store.UpdateMember(k.ctx, next, q, k.now.Add(hour), e)
				k.is(err, storage.ErrLastHolder)
				k.notRecorded(e)
				got, err := k.store.Member(k.ctx, o.ID, last.Subject)
				k.must(err)
				k.equal("member", last, got)

				k.client(o.ID, func(c *storage.Client) { c.Roles = []string{"admin"} })
				_, err = k.store.UpdateMember(k.ctx, next, q, k.now.Add(hour), k.event("member.updated", last.Subject))
				k.must(err)
			})
		}
	}},
	{"LastMemberOfAnEnvironment", func(k *kit) {
		in := func(environment string, edit ...func(*storage.Client)) func(*storage.Client) {
			return func(c *storage.Client) {
				c.Environment, c.Roles = environment, []string{"admin"}
				for _, e := range edit {
					e(c)
				}
			}
		}
		viewer := func(c *storage.Client) { c.Roles = []string{"viewer"} }
		suspended := func(c *storage.Client) { c.Status = storage.Suspended }
		for name, tc := range map[string]struct {
			clients []func(*storage.Client)
			held    bool
		}{
			"nobody":                              {nil, false},
			"in the environment":                  {[]func(*storage.Client){in("production")}, true},
			"in another":                          {[]func(*storage.Client){in("sandbox")}, false},
			"in both":                             {[]func(*storage.Client){in("production"), in("sandbox"), in("sandbox", viewer)}, true},
			"not in another that has a key":       {[]func(*storage.Client){in("production"), in("sandbox", viewer)}, false},
			"suspended in another":                {[]func(*storage.Client){in("production"), in("sandbox", suspended)}, false},
			"revoked in another":                  {[]func(*storage.Client){in("production"), in("sandbox", func(c *storage.Client) { c.Status = storage.Revoked })}, false},
			"expiring in another":                 {[]func(*storage.Client){in("production"), in("uat", func(c *storage.Client) { c.ExpiresAt = k.now.Add(day) })}, false},
			"bounded in another":                  {[]func(*storage.Client){in("production"), in("uat", func(c *storage.Client) { c.Boundary = []string{"key:manage"} })}, false},
			"in three, and one of them has a few": {[]func(*storage.Client){in("production", suspended), in("production"), in("uat"), in("sandbox", viewer), in("sandbox")}, true},
		} {
			k.sub(name, func(k *kit) {
				o := k.organization()
				last := k.member(o.ID, func(m *storage.Member) { m.Roles = []string{"admin"} })
				for _, c := range tc.clients {
					k.client(o.ID, c)
				}
				q := storage.Quorum{Organization: o.ID, Environment: "production", Role: "admin"}
				next := last
				next.Status = storage.Revoked
				_, err := k.store.UpdateMember(k.ctx, next, q, k.now.Add(hour), k.event("member.updated", last.Subject))
				if tc.held {
					k.must(err)
					return
				}
				k.is(err, storage.ErrLastHolder)
				k.member(o.ID, func(m *storage.Member) { m.Roles = []string{"admin"} })
				_, err = k.store.UpdateMember(k.ctx, next, q, k.now.Add(hour), k.event("member.updated", last.Subject))
				k.must(err)
			})
		}
	}},
	{"ZeroAsksNothing", func(k *kit) {
		o := k.organization()
		c := k.client(o.ID, func(c *storage.Client) { c.Roles = []string{"admin"} })
		k.updateClient(c, func(c *storage.Client) { c.Roles = nil })
		m := k.member(o.ID, func(m *storage.Member) { m.Roles = []string{"admin"} })
		k.updateMember(m, func(m *storage.Member) { m.Roles = nil })
	}},
	{"NobodyHeldItBefore", func(k *kit) {
		o := k.organization()
		c := k.client(o.ID)
		q := storage.Quorum{Organization: o.ID, Environment: "production", Role: "admin"}
		_, err := k.store.UpdateClient(k.ctx, c, q, k.now.Add(hour), k.event("key.updated", c.ID))
		k.is(err, storage.ErrLastHolder)
		c.Roles = []string{"admin"}
		_, err = k.store.UpdateClient(k.ctx, c, q, k.now.Add(hour), k.event("key.updated", c.ID))
		k.must(err)
	}},
}
