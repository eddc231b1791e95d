package storagetest

import (
	"errors"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/storage"
)

var directory = []test{
	{"Organization", organizationLife},
	{"OrganizationRefused", organizationRefused},
	{"OrganizationList", organizationList},
	{"Member", memberLife},
	{"MemberRefused", memberRefused},
	{"MemberAnew", memberAnew},
	{"MemberList", memberList},
	{"MemberKeysDoNotMeet", memberKeysDoNotMeet},
	{"Copies", directoryCopies},
}

func organizationLife(k *kit) {
	o := storage.Organization{
		ID: k.name("org"), Name: "Müller & Söhne", Status: storage.Suspended, Epoch: 3,
		Labels: map[string]string{"plan": "big"}, CreatedAt: k.now.Add(-day), UpdatedAt: k.now, Version: 42,
	}
	e := k.event("organization.created", o.ID)
	k.must(k.store.CreateOrganization(k.ctx, o, e))
	k.recorded(e)
	o.Version = 1
	got, err := k.store.Organization(k.ctx, o.ID)
	k.must(err)
	k.equal("organization", o, got)

	next := storage.Organization{
		ID: o.ID, Name: "after", Status: storage.Active, Epoch: 1, CreatedAt: k.now.Add(hour), UpdatedAt: k.now.Add(minute), Version: 1,
	}
	e, until := k.event("organization.updated", o.ID), k.now.Add(hour)
	change, err := k.store.UpdateOrganization(k.ctx, next, until, e)
	k.must(err)
	k.changed(storage.Change{
		Kind: storage.OrganizationChange, ID: o.ID, Status: storage.Active, Version: 2, Epoch: 3, Until: until,
	}, change)
	k.recorded(e)
	next.Version, next.Epoch, next.CreatedAt = 2, 3, o.CreatedAt
	got, err = k.store.Organization(k.ctx, o.ID)
	k.must(err)
	k.equal("organization", next, got)
}

func organizationRefused(k *kit) {
	o := k.organization()
	e := k.event("organization.created", o.ID)
	k.is(k.store.CreateOrganization(k.ctx, storage.Organization{ID: o.ID, Name: "again", Status: storage.Active}, e), storage.ErrExists)
	k.notRecorded(e)
	for _, id := range []string{"nobody-" + k.tag, strings.ToUpper(o.ID), o.ID + " ", ""} {
		_, err := k.store.Organization(k.ctx, id)
		k.is(err, storage.ErrNotFound)
	}
	for _, refusal := range []struct {
		edit func(*storage.Organization)
		want error
	}{
		{func(o *storage.Organization) { o.Version = 0 }, storage.ErrConflict},
		{func(o *storage.Organization) { o.Version = 2 }, storage.ErrConflict},
		{func(o *storage.Organization) { o.ID = "nobody-" + k.tag }, storage.ErrNotFound},
	} {
		next := o
		next.Name, next.Status = "never", storage.Suspended
		refusal.edit(&next)
		e := k.event("organization.updated", o.ID)
		_, err := k.store.UpdateOrganization(k.ctx, next, k.now.Add(hour), e)
		k.is(err, refusal.want)
		k.notRecorded(e)
	}
	got, err := k.store.Organization(k.ctx, o.ID)
	k.must(err)
	k.equal("organization", o, got)
	if k.change(storage.OrganizationChange, o.ID) != nil {
		k.Errorf("a refused update wrote a change")
	}

	o = k.updateOrganization(o, func(o *storage.Organization) { o.Status = storage.Revoked })
	o.Status = storage.Active
	e = k.event("organization.updated", o.ID)
	_, err = k.store.UpdateOrganization(k.ctx, o, k.now.Add(hour), e)
	k.is(err, storage.ErrFinal)
	k.notRecorded(e)
}

func organizationList(k *kit) {
	var want []string
	for range 5 {
		want = append(want, k.organization().ID)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 3, 1000} {
		var got []string
		page := storage.Page{Limit: limit}
		for {
			list, err := k.store.ListOrganizations(k.ctx, page)
			k.must(err)
			for _, o := range list {
				if page.After != "" && o.ID == page.After {
					k.Fatalf("the page after a key begins with the key")
				}
				page.After = o.ID
				if strings.Contains(o.ID, k.tag) { // others may share the database
					got = append(got, o.ID)
				}
			}
			if len(list) < limit {
				break
			}
		}
		k.equal("organizations", want, got)
	}
}

func memberLife(k *kit) {
	o := k.organization()
	m := storage.Member{
		Organization: o.ID, Subject: k.name("user"), Name: "Zoë", Roles: []string{"admin", "viewer"},
		Status: storage.Suspended, Epoch: 3, CreatedAt: k.now.Add(-day), UpdatedAt: k.now, Version: 42,
	}
	e := k.event("member.created", m.Subject)
	k.must(k.store.CreateMember(k.ctx, m, e))
	k.recorded(e)
	m.Version = 1
	got, err := k.store.Member(k.ctx, o.ID, m.Subject)
	k.must(err)
	k.equal("member", m, got)

	next := storage.Member{
		Organization: o.ID, Subject: m.Subject, Name: "after", Roles: []string{"viewer"},
		Status: storage.Active, Epoch: 4, CreatedAt: k.now.Add(hour), UpdatedAt: k.now.Add(minute), Version: 1,
	}
	e, until := k.event("member.updated", m.Subject), k.now.Add(hour)
	change, err := k.store.UpdateMember(k.ctx, next, storage.Quorum{}, until, e)
	k.must(err)
	k.changed(storage.Change{
		Kind: storage.MemberChange, ID: storage.MemberKey(o.ID, m.Subject),
		Status: storage.Active, Version: 2, Epoch: 4, Until: until,
	}, change)
	k.recorded(e)
	next.Version, next.CreatedAt = 2, m.CreatedAt
	got, err = k.store.Member(k.ctx, o.ID, m.Subject)
	k.must(err)
	k.equal("member", next, got)

	next.Epoch = 0
	change, err = k.store.UpdateMember(k.ctx, next, storage.Quorum{}, until, k.event("member.updated", m.Subject))
	k.must(err)
	k.equal("epoch", uint64(4), change.Epoch)
}

func memberRefused(k *kit) {
	o, other := k.organization(), k.organization()
	m := k.member(o.ID)
	e := k.event("member.created", m.Subject)
	k.is(k.store.CreateMember(k.ctx, storage.Member{Organization: o.ID, Subject: m.Subject, Status: storage.Active}, e), storage.ErrExists)
	k.is(k.store.CreateMember(k.ctx, storage.Member{Organization: "nobody-" + k.tag, Subject: m.Subject, Status: storage.Active}, e), storage.ErrNotFound)
	k.notRecorded(e)
	for _, subject := range []string{"nobody", strings.ToUpper(m.Subject), m.Subject + " ", ""} {
		_, err := k.store.Member(k.ctx, o.ID, subject)
		k.is(err, storage.ErrNotFound)
	}
	_, err := k.store.Member(k.ctx, other.ID, m.Subject)
	k.is(err, storage.ErrNotFound)
	for _, refusal := range []struct {
		edit func(*storage.Member)
		want error
	}{
		{func(m *storage.Member) { m.Version = 0 }, storage.ErrConflict},
		{func(m *storage.Member) { m.Version = 2 }, storage.ErrConflict},
		{func(m *storage.Member) { m.Subject = "nobody" }, storage.ErrNotFound},
		{func(m *storage.Member) { m.Organization = other.ID }, storage.ErrNotFound},
	} {
		next := m
		next.Name, next.Status = "never", storage.Suspended
		refusal.edit(&next)
		e := k.event("member.updated", m.Subject)
		_, err := k.store.UpdateMember(k.ctx, next, storage.Quorum{}, k.now.Add(hour), e)
		k.is(err, refusal.want)
		k.notRecorded(e)
	}
	got, err := k.store.Member(k.ctx, o.ID, m.Subject)
	k.must(err)
	k.equal("member", m, got)

	m = k.updateMember(m, func(m *storage.Member) { m.Status = storage.Revoked })
	m.Status = storage.Active
	_, err = k.store.UpdateMember(k.ctx, m, storage.Quorum{}, k.now.Add(hour), k.event("member.updated", m.Subject))
	k.is(err, storage.ErrFinal)
}

// memberAnew makes a member of somebody whose membership was revoked, and shows
// that nothing of before comes back.
func memberAnew(k *kit) {
	o := k.organization()
	c := k.client(o.ID)
	m := k.member(o.ID, func(m *storage.Member) { m.Roles, m.Epoch = []string{"admin"}, 4 })
	of := storage.Epochs{Member: 4}
	g := k.grant(c, func(g *storage.Grant) { g.Subject, g.Epochs = m.Subject, of })
	code := k.code(c, func(a *storage.Artifact) { a.Subject, a.Epochs = m.Subject, of })
	m = k.updateMember(m, func(m *storage.Member) { m.Status = storage.Revoked })

	anew := m
	anew.Status, anew.Epoch, anew.Roles, anew.Name = storage.Active, 5, []string{"viewer"}, "Somebody else"
	anew.CreatedAt, anew.UpdatedAt = k.now.Add(minute), k.now.Add(minute)
	for name, edit := range map[string]func(*storage.Member){
		"the same epoch":    func(m *storage.Member) { m.Epoch = 4 },
		"a lower epoch":     func(m *storage.Member) { m.Epoch = 0 },
		"suspended":         func(m *storage.Member) { m.Status = storage.Suspended },
		"revoked once more": func(m *storage.Member) { m.Status = storage.Revoked },
	} {
		next := anew
		edit(&next)
		e := k.event("member.updated", m.Subject)
		if _, err := k.store.UpdateMember(k.ctx, next, storage.Quorum{}, k.now.Add(hour), e); !errors.Is(err, storage.ErrFinal) {
			k.Errorf("%s: got %v, want %v", name, err, storage.ErrFinal)
		}
		k.notRecorded(e)
	}
	for _, version := range []uint64{0, anew.Version - 1, anew.Version + 1} {
		next := anew
		next.Version = version
		_, err := k.store.UpdateMember(k.ctx, next, storage.Quorum{}, k.now.Add(hour), k.event("member.updated", m.Subject))
		k.is(err, storage.ErrConflict)
	}
	e := k.event("member.updated", m.Subject)
	change, err := k.store.UpdateMember(k.ctx, anew, storage.Quorum{}, k.now.Add(hour), e)
	k.must(err)
	k.recorded(e)
	k.changed(storage.Change{
		Kind: storage.MemberChange, ID: storage.MemberKey(o.ID, m.Subject),
		Status: storage.Active, Version: m.Version + 1, Epoch: 5, Until: k.now.Add(hour),
	}, change)
	anew.Version++
	got, err := k.store.Member(k.ctx, o.ID, m.Subject)
	k.must(err)
	k.equal("member", anew, got)

	k.rotate(k.rotation(g), storage.Unknown)
	k.redeem(k.redemption(code), storage.Unknown)
	k.redeem(k.redemption(k.code(c, func(a *storage.Artifact) { a.Subject, a.Epochs.Member = m.Subject, 5 })), storage.Done)
}

func memberList(k *kit) {
	o := k.organization()
	k.member(k.organization().ID)
	var want []string
	for range 5 {
		want = append(want, k.member(o.ID).Subject)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 2, 1000} {
		var got []string
		page := storage.Page{Limit: limit}
		for {
			list, err := k.store.ListMembers(k.ctx, o.ID, page)
			k.must(err)
			for _, m := range list {
				got = append(got, m.Subject)
				page.After = m.Subject
			}
			if len(list) < limit {
				break
			}
		}
		k.equal("members", want, got)
	}
}

// memberKeysDoNotMeet: the boundary between organization and subject counts.
func memberKeysDoNotMeet(k *kit) {
	for _, pair := range [][2]string{{"a", "b-c"}, {"a-b", "c"}, {"a", "b"}, {"b", "a"}} {
		o := storage.Organization{ID: k.tag + pair[0], Status: storage.Active}
		if _, err := k.store.Organization(k.ctx, o.ID); err != nil {
			k.must(k.store.CreateOrganization(k.ctx, o, k.event("organization.created", o.ID)))
		}
		m := storage.Member{Organization: o.ID, Subject: pair[1], Name: pair[0] + "/" + pair[1], Status: storage.Active}
		k.must(k.store.CreateMember(k.ctx, m, k.event("member.created", m.Subject)))
	}
	for _, pair := range [][2]string{{"a", "b-c"}, {"a-b", "c"}, {"a", "b"}, {"b", "a"}} {
		m, err := k.store.Member(k.ctx, k.tag+pair[0], pair[1])
		k.must(err)
		k.equal("name", pair[0]+"/"+pair[1], m.Name)
	}
}

func directoryCopies(k *kit) {
	o := k.newOrganization()
	o.Labels = map[string]string{"a": "b"}
	k.must(k.store.CreateOrganization(k.ctx, o, k.event("organization.created", o.ID)))
	o.Labels["a"] = "x"
	got, err := k.store.Organization(k.ctx, o.ID)
	k.must(err)
	k.equal("label", "b", got.Labels["a"])
	got.Labels["a"] = "x"
	got, err = k.store.Organization(k.ctx, o.ID)
	k.must(err)
	k.equal("label", "b", got.Labels["a"])

	roles := []string{"admin"}
	m := k.member(o.ID, func(m *storage.Member) { m.Roles = roles })
	roles[0] = "x"
	read, err := k.store.Member(k.ctx, o.ID, m.Subject)
	k.must(err)
	k.equal("role", "admin", read.Roles[0])
	read.Roles[0] = "x"
	read, err = k.store.Member(k.ctx, o.ID, m.Subject)
	k.must(err)
	k.equal("role", "admin", read.Roles[0])
}
