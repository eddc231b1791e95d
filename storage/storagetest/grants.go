package storagetest

import (
	"bytes"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var grants = []test{
	{"Create", grantCreate},
	{"Copies", grantCopies},
	{"List", grantList},
	{"ListPages", grantListPages},
	{"End", grantEnd},
	{"EndTwice", grantEndTwice},
	{"EndRefused", grantEndRefused},
	{"EndVirtual", grantEndVirtual},
	{"EndAfterRotation", grantEndAfterRotation},
}

func grantCreate(k *kit) {
	c := k.client(k.organization().ID)
	full := k.fullGrant(c)
	k.must(k.store.CreateGrant(k.ctx, full))
	k.stored(full)
	bare := storage.Grant{ID: storage.NewID(k.now), Client: c.ID}
	k.must(k.store.CreateGrant(k.ctx, bare))
	k.stored(bare)

	again := k.newGrant(c)
	again.ID = full.ID
	k.is(k.store.CreateGrant(k.ctx, again), storage.ErrExists)
	k.stored(full)
	k.noGrant(storage.NewID(k.now))
	k.noGrant(storage.ID{})
	if k.grantChange(full.ID) != nil {
		k.Errorf("CreateGrant wrote a change")
	}
}

// stored requires the row of the grant.
func (k *kit) stored(want storage.Grant) {
	k.Helper()
	got, err := k.store.Grant(k.ctx, want.ID)
	k.must(err)
	k.equal("grant", want, got)
}

func (k *kit) noGrant(id storage.ID) {
	k.Helper()
	_, err := k.store.Grant(k.ctx, id)
	k.is(err, storage.ErrNotFound)
}

func grantCopies(k *kit) {
	g := k.fullGrant(k.client(k.organization().ID))
	spoil := func(g storage.Grant) {
		g.Scopes[0], g.Audiences[0] = "x", "x"
		g.Sealed[0], g.Account[0], g.Refresh[0] = 'x', 'x', 'x'
	}
	read := func() storage.Grant {
		got, err := k.store.Grant(k.ctx, g.ID)
		k.must(err)
		return got
	}
	k.must(k.store.CreateGrant(k.ctx, g))
	want := k.text(read())
	spoil(g)
	k.equal("grant after what was given has been changed", want, k.text(read()))
	spoil(read())
	k.equal("grant after what was read has been changed", want, k.text(read()))
	list, err := k.store.ListGrants(k.ctx, storage.GrantFilter{Client: g.Client}, storage.Page{})
	k.must(err)
	spoil(list[0])
	k.equal("grant after what was listed has been changed", want, k.text(read()))

	c := k.client(k.organization().ID)
	for _, virtual := range []bool{false, true} {
		g = k.virtual(c)
		r := k.rotation(g)
		if virtual {
			r.Virtual = &g
		} else {
			k.must(k.store.CreateGrant(k.ctx, g))
		}
		answer := k.rotate(r, storage.Done)
		want = k.text(read())
		r.Next[0]++
		g.Sealed[0]++
		g.Scopes[0] = "x"
		k.equal("grant after what was given has been changed", want, k.text(read()))
		answer.Grant.Sealed[0]++
		answer.Grant.Refresh[1]++
		k.equal("grant after the answer has been changed", want, k.text(read()))
	}
}

func grantList(k *kit) {
	o := k.organization()
	c, other := k.client(o.ID), k.client(o.ID)
	subject, account := k.name("user"), k.key()
	of := func(edit func(*storage.Grant)) storage.Grant { return k.grant(c, edit) }
	plain := of(func(*storage.Grant) {})
	bySubject := of(func(g *storage.Grant) { g.Subject = subject })
	byAccount := of(func(g *storage.Grant) { g.Account = account })
	both := of(func(g *storage.Grant) { g.Subject, g.Account = subject, account })
	elsewhere := of(func(g *storage.Grant) { g.Organization, g.Subject = k.name("org"), subject })
	others := k.grant(other, func(g *storage.Grant) { g.Subject, g.Account = subject, account })
	expired := of(func(g *storage.Grant) { g.Subject, g.ExpiresAt = subject, k.now })
	ended := of(func(g *storage.Grant) { g.Subject, g.EndedAt, g.EndReason = subject, k.now.Add(-hour), "withdrawn" })
	endless := of(func(g *storage.Grant) { g.Subject, g.ExpiresAt, g.IdleAt = subject, time.Time{}, time.Time{} })

	for name, list := range map[string]struct {
		filter storage.GrantFilter
		want   []storage.Grant
	}{
		"client":           {storage.GrantFilter{Client: c.ID}, []storage.Grant{plain, bySubject, byAccount, both, elsewhere, expired, ended, endless}},
		"subject":          {storage.GrantFilter{Subject: subject}, []storage.Grant{bySubject, both, elsewhere, others, expired, ended, endless}},
		"account":          {storage.GrantFilter{Account: account}, []storage.Grant{byAccount, both, others}},
		"client, account":  {storage.GrantFilter{Client: c.ID, Account: account}, []storage.Grant{byAccount, both}},
		"all of them":      {storage.GrantFilter{Client: c.ID, Organization: o.ID, Subject: subject, Account: account}, []storage.Grant{both}},
		"organization too": {storage.GrantFilter{Client: c.ID, Organization: elsewhere.Organization}, []storage.Grant{elsewhere}},
		"live":             {storage.GrantFilter{Subject: subject, Live: k.now}, []storage.Grant{bySubject, both, elsewhere, others, endless}},
		"live before":      {storage.GrantFilter{Subject: subject, Live: k.now.Add(-time.Millisecond)}, []storage.Grant{bySubject, both, elsewhere, others, expired, endless}},
		"nobody":           {storage.GrantFilter{Client: "nobody-" + k.tag}, nil},
		"no such account":  {storage.GrantFilter{Account: k.key()}, nil},
		"part of account":  {storage.GrantFilter{Account: account[:16]}, nil},
	} {
		got, err := k.store.ListGrants(k.ctx, list.filter, storage.Page{})
		k.must(err)
		slices.SortFunc(list.want, func(a, b storage.Grant) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		k.equal("grants by "+name, list.want, got)
	}

	for name, filter := range map[string]storage.GrantFilter{
		"nothing":           {},
		"organization only": {Organization: o.ID},
		"live only":         {Live: k.now},
		"empty account":     {Account: []byte{}},
	} {
		list, err := k.store.ListGrants(k.ctx, filter, storage.Page{})
		k.refused("a filter of "+name, err)
		k.equal("grants", 0, len(list))
	}
}

func grantListPages(k *kit) {
	c := k.client(k.organization().ID)
	var want []storage.ID
	for i := range 7 {
		want = append(want, k.grant(c, func(g *storage.Grant) {
			g.ID = storage.NewID(k.now.Add(time.Duration(7-i) * time.Second)) // made in the other order
		}).ID)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 3, 7, 1000} {
		var got []storage.ID
		page := storage.Page{Limit: limit}
		for {
			list, err := k.store.ListGrants(k.ctx, storage.GrantFilter{Client: c.ID}, page)
			k.must(err)
			for _, g := range list {
				got = append(got, g.ID)
				page.After = g.ID.String()
			}
			if len(list) < limit {
				break
			}
		}
		k.equal("grants, oldest first", want, got)
	}
	_, err := k.store.ListGrants(k.ctx, storage.GrantFilter{Client: c.ID}, storage.Page{After: "not an id"})
	k.refused("a page after what is no id", err)
}

func (k *kit) end(g storage.Grant) storage.End {
	return storage.End{ID: g.ID, Client: g.Client, At: k.now, Reason: "revoked", Until: k.now.Add(2 * hour)}
}

func grantEnd(k *kit) {
	for _, client := range []bool{true, false} {
		g := k.grant(k.client(k.organization().ID))
		e := k.end(g)
		if !client {
			e.Client = ""
		}
		change, err := k.store.EndGrant(k.ctx, e)
		k.must(err)
		k.changed(storage.Change{Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, Ended: true, Until: e.Until}, change)
		got, err := k.store.Grant(k.ctx, g.ID)
		k.must(err)
		k.equal("end", e.At, got.EndedAt)
		k.equal("reason", e.Reason, got.EndReason)
		rotated, err := k.store.Rotate(k.ctx, k.rotation(g))
		k.must(err)
		k.equal("outcome", storage.Unknown, rotated.Outcome)
	}
}

func grantEndTwice(k *kit) {
	g := k.grant(k.client(k.organization().ID))
	first, err := k.store.EndGrant(k.ctx, k.end(g))
	k.must(err)
	row, err := k.store.Grant(k.ctx, g.ID)
	k.must(err)
	again := k.end(g)
	again.At, again.Reason, again.Until = k.now.Add(minute), "another", k.now.Add(9*hour)
	for _, virtual := range []*storage.Grant{nil, &g} {
		again.Virtual = virtual
		second, err := k.store.EndGrant(k.ctx, again)
		k.must(err)
		k.equal("change", first, second)
		k.stored(row)
	}
	// Once it has been numbered, ending again does not send it round again.
	k.stampAll()
	numbered := k.grantChange(g.ID)
	third, err := k.store.EndGrant(k.ctx, again)
	k.must(err)
	k.equal("change", *numbered, third)
	k.equal("change", numbered, k.grantChange(g.ID))
	if third.Seq == 0 {
		k.Errorf("ending again has taken the number away")
	}
}

func grantEndRefused(k *kit) {
	o := k.organization()
	c, other := k.client(o.ID), k.client(o.ID)
	g := k.grant(c)
	e := k.end(g)
	e.Client = other.ID
	_, err := k.store.EndGrant(k.ctx, e)
	k.is(err, storage.ErrNotFound)
	mine := k.virtual(other)
	mine.ID = g.ID
	e.Virtual = &mine // does not make it the other's
	_, err = k.store.EndGrant(k.ctx, e)
	k.is(err, storage.ErrNotFound)
	k.stored(g)
	if k.grantChange(g.ID) != nil {
		k.Errorf("a refused end wrote a change")
	}

	missing := k.newGrant(c)
	_, err = k.store.EndGrant(k.ctx, k.end(missing))
	k.is(err, storage.ErrNotFound)
	e = k.end(missing)
	e.Client, e.Virtual = other.ID, &missing
	_, err = k.store.EndGrant(k.ctx, e)
	k.is(err, storage.ErrNotFound)
	k.noGrant(missing.ID)
	if k.grantChange(missing.ID) != nil {
		k.Errorf("a refused end wrote a change")
	}
}

func grantEndVirtual(k *kit) {
	c := k.client(k.organization().ID)
	g := k.virtual(c)
	g.Subject = k.name("user")
	e := k.end(g)
	e.Virtual = &storage.Grant{ID: g.ID, Client: g.Client, Organization: g.Organization, Subject: g.Subject, ExpiresAt: g.ExpiresAt}
	change, err := k.store.EndGrant(k.ctx, e)
	k.must(err)
	k.changed(storage.Change{Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, Ended: true, Until: e.Until}, change)
	want := *e.Virtual
	want.EndedAt, want.EndReason = e.At, e.Reason
	k.stored(want)

	again, err := k.store.EndGrant(k.ctx, e)
	k.must(err)
	k.equal("change", change, again)
	r := k.rotation(g)
	r.Virtual = &g
	rotated, err := k.store.Rotate(k.ctx, r)
	k.must(err)
	k.equal("outcome", storage.Unknown, rotated.Outcome)
	k.stored(want)
}

func grantEndAfterRotation(k *kit) {
	g := k.grant(k.client(k.organization().ID), func(g *storage.Grant) { g.AccessUntil = k.now.Add(9 * hour) })
	r := k.rotation(g)
	_, err := k.store.Rotate(k.ctx, r)
	k.must(err)
	change, err := k.store.EndGrant(k.ctx, k.end(g))
	k.must(err)
	k.changed(storage.Change{
		Kind: storage.GrantChange, ID: string(g.ID[:]), Client: g.Client, Ended: true,
		MinGeneration: g.Generation + 1, Until: g.AccessUntil.Add(r.Skew), // later than that of the end
	}, change)
}
