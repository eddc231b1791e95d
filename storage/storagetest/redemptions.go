package storagetest

import (
	"time"

	"github.com/gatewright/gatewright/storage"
)

var redemptions = []test{
	{"Put", artifactPut},
	{"KindsDoNotMeet", artifactKinds},
	{"Copies", artifactCopies},
	{"Done", redeemDone},
	{"WithoutGrant", redeemWithoutGrant},
	{"Reused", redeemReused},
	{"ReusedAfterTheEnd", redeemReusedAfterTheEnd},
	{"Unknown", redeemUnknown},
	{"Inactive", redeemInactive},
	{"GrantExists", redeemGrantExists},
	{"Next", redeemNext},
	{"NextExists", redeemNextExists},
	{"NoClient", redeemNoClient},
	{"JustInTime", redeemJustInTime},
}

// storedArtifact requires the row of the artifact.
func (k *kit) storedArtifact(want storage.Artifact) {
	k.Helper()
	got, err := k.store.Artifact(k.ctx, want.Kind, want.Key)
	k.must(err)
	k.equal("artifact", want, got)
}

// redeem runs the command and requires its outcome.
func (k *kit) redeem(r storage.Redemption, want storage.Outcome) storage.Redeemed {
	k.Helper()
	got, err := k.store.Redeem(k.ctx, r)
	k.must(err)
	if got.Outcome != want {
		k.Fatalf("got %v, want %v", got.Outcome, want)
	}
	return got
}

func artifactPut(k *kit) {
	c := k.client(k.organization().ID)
	full := storage.Artifact{
		Kind: storage.DeviceCode, Key: append(k.key(), k.key()...), Client: c.ID, Organization: c.Organization, Subject: k.name("user"),
		Epochs: storage.Epochs{Client: 1, Organization: 2, Member: 3}, Sealed: []byte{0, 0xff}, Account: k.key(), ExpiresAt: k.now.Add(minute),
	}
	k.must(k.store.PutArtifact(k.ctx, full))
	k.storedArtifact(full)
	bare := storage.Artifact{Kind: storage.Interaction, Key: []byte{0}}
	bare.Key = append(bare.Key, k.key()...)
	k.must(k.store.PutArtifact(k.ctx, bare))
	k.storedArtifact(bare)

	again := full
	again.Sealed, again.Client = []byte("another"), k.client(c.Organization).ID
	k.is(k.store.PutArtifact(k.ctx, again), storage.ErrExists)
	k.storedArtifact(full)

	expired := k.code(c, func(a *storage.Artifact) { a.ExpiresAt = k.now.Add(-hour) })
	if got, err := k.store.Artifact(k.ctx, expired.Kind, expired.Key); err == nil {
		k.equal("artifact", expired, got)
	} else {
		k.is(err, storage.ErrNotFound)
	}
	for _, key := range [][]byte{k.key(), full.Key[:63], append(full.Key[:64:64], 0), {}, nil} {
		_, err := k.store.Artifact(k.ctx, full.Kind, key)
		k.is(err, storage.ErrNotFound)
	}
}

func artifactKinds(k *kit) {
	c := k.client(k.organization().ID)
	key := k.key()
	kinds := []storage.ArtifactKind{
		storage.AuthorizationCode, storage.DeviceCode, storage.PushedRequest, storage.Interaction, storage.ReferenceToken,
	}
	var all []storage.Artifact
	for _, kind := range kinds {
		for _, other := range kinds[len(all):] {
			_, err := k.store.Artifact(k.ctx, other, key)
			k.is(err, storage.ErrNotFound)
		}
		all = append(all, k.code(c, func(a *storage.Artifact) { a.Kind, a.Key, a.Sealed = kind, key, []byte{byte(kind)} }))
	}
	k.redeem(k.redemption(all[0]), storage.Done)
	for _, a := range all[1:] {
		k.storedArtifact(a)
	}
}

func artifactCopies(k *kit) {
	c := k.client(k.organization().ID)
	sealed := []byte("sealed")
	a := k.code(c, func(a *storage.Artifact) { a.Sealed = sealed })
	sealed[0] = 'x'
	got, err := k.store.Artifact(k.ctx, a.Kind, a.Key)
	k.must(err)
	k.equal("content", "sealed", string(got.Sealed))
	got.Sealed[0] = 'x'
	got, err = k.store.Artifact(k.ctx, a.Kind, a.Key)
	k.must(err)
	k.equal("content", "sealed", string(got.Sealed))

	r := k.redemption(a)
	k.redeem(r, storage.Done)
	r.Grant.Scopes[0] = "x"
	g, err := k.store.Grant(k.ctx, r.Grant.ID)
	k.must(err)
	k.equal("scope", "accounts", g.Scopes[0])
}

func redeemDone(k *kit) {
	c := k.client(k.organization().ID)
	for _, kind := range []storage.ArtifactKind{storage.AuthorizationCode, storage.DeviceCode, storage.PushedRequest, storage.Interaction} {
		a := k.code(c, func(a *storage.Artifact) { a.Kind, a.Subject = kind, k.name("user") })
		r := k.redemption(a)
		g := k.fullGrant(c)
		g.EndedAt, g.EndReason = time.Time{}, ""
		r.Grant = &g
		answer := k.redeem(r, storage.Done)
		k.equal("answer", storage.Redeemed{Outcome: storage.Done, Grant: g.ID}, answer)
		k.stored(g)
		a.RedeemedAt, a.Grant = r.At, g.ID
		k.storedArtifact(a)
		if k.grantChange(g.ID) != nil {
			k.Errorf("a redemption wrote a change")
		}
	}
}

func redeemWithoutGrant(k *kit) {
	a := k.code(k.client(k.organization().ID), func(a *storage.Artifact) { a.Kind = storage.PushedRequest })
	r := k.redemption(a)
	r.Grant = nil
	answer := k.redeem(r, storage.Done)
	k.equal("answer", storage.Redeemed{Outcome: storage.Done}, answer)
	a.RedeemedAt = r.At
	k.storedArtifact(a)
	r.At = k.now.Add(time.Second)
	answer = k.redeem(r, storage.Reused)
	k.equal("answer", storage.Redeemed{Outcome: storage.Reused}, answer)
	k.storedArtifact(a)
}

func redeemReused(k *kit) {
	c := k.client(k.organization().ID)
	a := k.code(c)
	first := k.redemption(a)
	k.redeem(first, storage.Done)
	a.RedeemedAt, a.Grant = first.At, first.Grant.ID

	second := k.redemption(a)
	second.At, second.Until = k.now.Add(time.Second), k.now.Add(3*hour)
	answer := k.redeem(second, storage.Reused)
	k.equal("grant", first.Grant.ID, answer.Grant)
	if len(answer.Changes) != 1 {
		k.Fatalf("got %d changes, want 1", len(answer.Changes))
	}
	k.changed(storage.Change{
		Kind: storage.GrantChange, ID: string(first.Grant.ID[:]), Client: c.ID, Ended: true, Until: second.Until,
	}, answer.Changes[0])
	ended := *first.Grant
	ended.EndedAt, ended.EndReason = second.At, storage.ReasonCodeReuse
	k.stored(ended)
	k.noGrant(second.Grant.ID)
	k.storedArtifact(a)
	k.rotate(k.rotation(*first.Grant), storage.Unknown)

	// A third use is no different, and moves nothing.
	change := k.grantChange(first.Grant.ID)
	third := k.redemption(a)
	third.At, third.Until = k.now.Add(2*time.Second), k.now.Add(9*hour)
	answer = k.redeem(third, storage.Reused)
	k.equal("grant", first.Grant.ID, answer.Grant)
	k.stored(ended)
	k.noGrant(third.Grant.ID)
	k.equal("change", change, k.grantChange(first.Grant.ID))
}

func redeemReusedAfterTheEnd(k *kit) {
	a := k.code(k.client(k.organization().ID))
	r := k.redemption(a)
	k.redeem(r, storage.Done)
	_, err := k.store.EndGrant(k.ctx, k.end(*r.Grant))
	k.must(err)
	again := k.redemption(a)
	again.At = k.now.Add(time.Second)
	k.untouched(r.Grant.ID, func() { k.redeem(again, storage.Reused) })
}

func redeemUnknown(k *kit) {
	o := k.organization()
	other := k.client(o.ID)
	for _, refusal := range []struct {
		name     string
		artifact func(*storage.Artifact)
		edit     func(*storage.Redemption)
		raise    string
	}{
		{name: "no such key", edit: func(r *storage.Redemption) { r.Key = k.key() }},
		{name: "part of the key", edit: func(r *storage.Redemption) { r.Key = r.Key[:31] }},
		{name: "no key", edit: func(r *storage.Redemption) { r.Key = nil }},
		{name: "another kind", edit: func(r *storage.Redemption) { r.Kind = storage.DeviceCode }},
		{name: "another client", edit: func(r *storage.Redemption) { r.Client = other.ID }},
		{name: "no client", edit: func(r *storage.Redemption) { r.Client = "" }},
		{name: "expired", artifact: func(a *storage.Artifact) { a.ExpiresAt = k.now.Add(-hour) }},
		{name: "expired right now", artifact: func(a *storage.Artifact) { a.ExpiresAt = k.now }},
		{name: "reference token", artifact: func(a *storage.Artifact) { a.Kind = storage.ReferenceToken }},
		{name: "epoch of the client", raise: "client"},
		{name: "epoch of the organization", raise: "organization"},
		{name: "epoch of the member", raise: "member"},
	} {
		k.sub(refusal.name, func(k *kit) {
			o := k.organization()
			c, m := k.client(o.ID), k.member(o.ID)
			a := k.code(c, func(a *storage.Artifact) {
				a.Subject = m.Subject
				if refusal.artifact != nil {
					refusal.artifact(a)
				}
			})
			switch refusal.raise {
			case "client":
				k.updateClient(c, func(c *storage.Client) { c.Epoch++ })
			case "organization":
				k.updateOrganization(o, func(o *storage.Organization) { o.Epoch++ })
			case "member":
				k.updateMember(m, func(m *storage.Member) { m.Epoch++ })
			}
			r := k.redemption(a)
			if refusal.edit != nil {
				refusal.edit(&r)
			}
			answer := k.redeem(r, storage.Unknown)
			k.equal("changes", 0, len(answer.Changes))
			k.noGrant(r.Grant.ID)
			k.storedArtifact(a)
		})
	}
	for name, edit := range map[string]func(*storage.Redemption){
		"another client":    func(r *storage.Redemption) { r.Client = other.ID },
		"expired right now": func(r *storage.Redemption) { r.At = k.now.Add(minute) },
	} {
		k.sub("a second use, "+name, func(k *kit) {
			a := k.code(k.client(o.ID))
			first := k.redemption(a)
			k.redeem(first, storage.Done)
			second := k.redemption(a)
			edit(&second)
			k.untouched(first.Grant.ID, func() { k.redeem(second, storage.Unknown) })
			k.noGrant(second.Grant.ID)
		})
	}
}

func redeemInactive(k *kit) {
	for _, i := range inactivities {
		k.sub(i.name, func(k *kit) {
			c := k.newCast(i)
			of := func(a *storage.Artifact) { a.Organization, a.Subject = c.other.ID, c.member.Subject }
			fresh, used := k.code(c.client, of), k.code(c.client, of)
			first := k.redemption(used)
			k.redeem(first, storage.Done)

			i.stop(k, c)
			r, second := k.redemption(fresh), k.redemption(used)
			answer := k.redeem(r, storage.Inactive)
			k.equal("changes", 0, len(answer.Changes))
			k.noGrant(r.Grant.ID)
			k.storedArtifact(fresh)
			k.untouched(first.Grant.ID, func() { k.redeem(second, storage.Inactive) })
			if i.start == nil {
				return
			}
			i.start(k, c)
			k.redeem(r, storage.Done)
			k.redeem(second, storage.Reused)
		})
	}
}

func redeemGrantExists(k *kit) {
	c := k.client(k.organization().ID)
	a, g := k.code(c), k.grant(c)
	r := k.redemption(a)
	r.Grant.ID = g.ID
	_, err := k.store.Redeem(k.ctx, r)
	k.is(err, storage.ErrExists)
	k.stored(g)
	k.storedArtifact(a)
	k.redeem(k.redemption(a), storage.Done)
}

// redeemNext answers a question for a code.
func redeemNext(k *kit) {
	o := k.organization()
	c, m := k.client(o.ID), k.member(o.ID)
	question := func(a *storage.Artifact) { a.Kind, a.Subject = storage.Interaction, m.Subject }
	next := func() *storage.Artifact {
		return &storage.Artifact{Kind: storage.AuthorizationCode, Key: k.key(), Client: c.ID, Organization: o.ID, Subject: m.Subject,
			Account: k.key(), Epochs: storage.Epochs{Client: 1}, Sealed: []byte("sealed"), ExpiresAt: k.now.Add(minute)}
	}
	a := k.code(c, question)
	r := k.redemption(a)
	r.Grant, r.Next = nil, next()
	k.redeem(r, storage.Done)
	k.storedArtifact(*r.Next)
	k.redeem(k.redemption(*r.Next), storage.Done)

	absent := func(r storage.Redemption, want storage.Outcome) {
		k.Helper()
		r.Grant, r.Next = nil, next()
		k.redeem(r, want)
		_, err := k.store.Artifact(k.ctx, r.Next.Kind, r.Next.Key)
		k.is(err, storage.ErrNotFound)
	}
	absent(k.redemption(a), storage.Reused)
	other := k.redemption(k.code(c, question))
	other.Client = k.client(o.ID).ID
	absent(other, storage.Unknown)
	k.updateMember(m, func(m *storage.Member) { m.Status = storage.Suspended })
	absent(k.redemption(k.code(c, question)), storage.Inactive)
}

func redeemNextExists(k *kit) {
	c := k.client(k.organization().ID)
	there, a := k.code(c), k.code(c, func(a *storage.Artifact) { a.Kind = storage.Interaction })
	r := k.redemption(a)
	taken := there
	taken.Sealed = []byte("another")
	r.Next = &taken
	_, err := k.store.Redeem(k.ctx, r)
	k.is(err, storage.ErrExists)
	k.storedArtifact(there)
	k.storedArtifact(a)
	k.noGrant(r.Grant.ID)
	r.Next = nil
	k.redeem(r, storage.Done)
}

func redeemNoClient(k *kit) {
	a := k.code(k.newClient(k.organization().ID))
	r := k.redemption(a)
	answer, err := k.store.Redeem(k.ctx, r)
	k.must(err)
	if answer.Outcome != storage.Inactive && answer.Outcome != storage.Unknown {
		k.Errorf("a client that is not there got %v", answer.Outcome)
	}
	k.noGrant(r.Grant.ID)
	k.storedArtifact(a)
}

func redeemJustInTime(k *kit) {
	o := k.organization()
	o = k.updateOrganization(o, func(o *storage.Organization) { o.Epoch = 2 })
	c := k.client(o.ID, func(c *storage.Client) { c.Epoch, c.ExpiresAt = 3, k.now.Add(time.Millisecond) })
	for name, edit := range map[string]func(*storage.Artifact){
		"expires soon":    func(a *storage.Artifact) { a.ExpiresAt = k.now.Add(time.Millisecond) },
		"never expires":   func(a *storage.Artifact) { a.ExpiresAt = time.Time{} },
		"epochs ahead":    func(a *storage.Artifact) { a.Epochs = storage.Epochs{Client: 9, Organization: 9, Member: 9} },
		"person":          func(a *storage.Artifact) { a.Subject = k.name("user") },
		"no organization": func(a *storage.Artifact) { a.Organization = "" },
	} {
		k.sub(name, func(k *kit) {
			a := k.code(c, func(a *storage.Artifact) {
				a.Epochs = storage.Epochs{Client: 3, Organization: 2}
				edit(a)
			})
			k.redeem(k.redemption(a), storage.Done)
		})
	}
}
