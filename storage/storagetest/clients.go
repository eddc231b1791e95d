package storagetest

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

var clients = []test{
	{"Create", clientCreate},
	{"CreateRefused", clientCreateRefused},
	{"Missing", func(k *kit) {
		c := k.client(k.organization().ID)
		for _, id := range []string{"nobody-" + k.tag, c.ID + " ", " " + c.ID, "KEY" + c.ID[3:], c.ID[:len(c.ID)-1], "", "%", c.ID + "\t"} {
			_, err := k.store.Client(k.ctx, id)
			k.is(err, storage.ErrNotFound)
		}
	}},
	{"Copies", clientCopies},
	{"Update", clientUpdate},
	{"UpdateRefused", clientUpdateRefused},
	{"Epoch", clientEpoch},
	{"ChangeNeverLowered", clientChangeNeverLowered},
	{"PublicKeys", clientPublicKeys},
	{"List", clientList},
	{"ListDefaultLimit", clientListDefaultLimit},
	{"Touch", clientTouch},
}

func clientCreate(k *kit) {
	o := k.organization()
	full := k.fullClient(o.ID)
	e := k.event("key.created", full.ID)
	e.Before, e.After = nil, []byte(`{"status":"suspended"}`)
	k.must(k.store.CreateClient(k.ctx, full, e))
	full.Version = 1
	got, err := k.store.Client(k.ctx, full.ID)
	k.must(err)
	k.equal("client", full, got)
	k.recorded(e)

	// Every optional member left out, and a time that the contract shortens.
	bare := storage.Client{
		ID: k.name("key"), Organization: o.ID, Environment: "production", Status: storage.Active,
		CreatedAt: k.now.Add(999 * time.Microsecond).In(time.FixedZone("elsewhere", 3*3600)),
	}
	k.must(k.store.CreateClient(k.ctx, bare, k.event("key.created", bare.ID)))
	bare.Version = 1
	got, err = k.store.Client(k.ctx, bare.ID)
	k.must(err)
	k.equal("client", bare, got)

	no := false
	bare.ID, bare.Lifetimes.ClientCredentialsRefresh = k.name("key"), &no
	k.must(k.store.CreateClient(k.ctx, bare, k.event("key.created", bare.ID)))
	got, err = k.store.Client(k.ctx, bare.ID)
	k.must(err)
	k.equal("client", bare, got)
}

func clientCreateRefused(k *kit) {
	o, other := k.organization(), k.organization()
	first := k.client(o.ID, func(c *storage.Client) { c.Certificates = []storage.Certificate{k.certificate()} })
	for _, refusal := range []struct {
		name string
		edit func(*storage.Client)
		want error
	}{
		{"the id is taken", func(c *storage.Client) { c.ID = first.ID }, storage.ErrExists},
		{"the id is taken in another organization", func(c *storage.Client) { c.ID, c.Organization = first.ID, other.ID }, storage.ErrExists},
		{"the id is taken in another environment", func(c *storage.Client) { c.ID, c.Environment = first.ID, "sandbox" }, storage.ErrExists},
		{"the public key is another client's", func(c *storage.Client) {
			x := k.certificate()
			x.KeyThumbprint = first.Certificates[0].KeyThumbprint
			c.Certificates = []storage.Certificate{k.certificate(), x}
		}, storage.ErrExists},
		{"no such organization", func(c *storage.Client) { c.Organization = "nobody-" + k.tag }, storage.ErrNotFound},
		{"no organization", func(c *storage.Client) { c.Organization = "" }, storage.ErrNotFound},
	} {
		k.sub(refusal.name, func(k *kit) {
			c := k.newClient(o.ID)
			refusal.edit(&c)
			e := k.event("key.created", c.ID)
			k.is(k.store.CreateClient(k.ctx, c, e), refusal.want)
			k.notRecorded(e)
			if c.ID != first.ID {
				_, err := k.store.Client(k.ctx, c.ID)
				k.is(err, storage.ErrNotFound)
			}
			got, err := k.store.Client(k.ctx, first.ID)
			k.must(err)
			k.equal("first client", first, got)
		})
	}
}

func clientCopies(k *kit) {
	o := k.organization()
	given := k.fullClient(o.ID)
	k.must(k.store.CreateClient(k.ctx, given, k.event("key.created", given.ID)))
	read := func() storage.Client {
		c, err := k.store.Client(k.ctx, given.ID)
		k.must(err)
		return c
	}
	spoil := func(c storage.Client) {
		c.Roles[0], c.Boundary[0], c.Scopes[0] = "x", "x", "x"
		c.JWKS[0], c.Certificates[0].DER[0] = 'x', 'x'
		c.Secrets[0].Hash, c.Certificates[0].KeyID = "x", "x"
		c.Prefixes[0] = netip.Prefix{}
		c.Labels["team"], c.TestIDs["account_id"] = "x", "x"
		*c.Lifetimes.ClientCredentialsRefresh = false
	}
	want := k.text(read())
	spoil(given)
	k.equal("client after what was given has been changed", want, k.text(read()))
	spoil(read())
	k.equal("client after what was read has been changed", want, k.text(read()))
	list, err := k.store.ListClients(k.ctx, o.ID, storage.Page{})
	k.must(err)
	spoil(list[0])
	k.equal("client after what was listed has been changed", want, k.text(read()))

	update := read()
	_, err = k.store.UpdateClient(k.ctx, update, storage.Quorum{}, k.now.Add(hour), k.event("key.updated", given.ID))
	k.must(err)
	want = k.text(read())
	spoil(update)
	k.equal("client after what was given has been changed", want, k.text(read()))
}

func clientUpdate(k *kit) {
	o, other := k.organization(), k.organization()
	old := k.fullClient(o.ID)
	k.must(k.store.CreateClient(k.ctx, old, k.event("key.created", old.ID)))

	c := storage.Client{
		ID: old.ID, Version: 1, Organization: other.ID, Environment: "production",
		Name: "after", Type: "internal", Status: storage.Active, Epoch: 8,
		Secrets: old.Secrets[1:], Roles: []string{"viewer"}, Prefixes: old.Prefixes[:1],
		Labels:    map[string]string{"only": "one"},
		CreatedBy: "an impostor", CreatedAt: k.now.Add(-99 * day), UpdatedAt: k.now.Add(minute), LastUsedAt: k.now.Add(9 * day),
	}
	e := k.event("key.updated", c.ID)
	e.Before, e.After = []byte(`{"name":"before"}`), []byte(`{"name":"after"}`)
	until := k.now.Add(hour)
	change, err := k.store.UpdateClient(k.ctx, c, storage.Quorum{}, until, e)
	k.must(err)
	k.changed(storage.Change{
		Kind: storage.ClientChange, ID: c.ID, Status: storage.Active, Version: 2, Epoch: 8, Until: until,
	}, change)
	k.recorded(e)

	want := c
	want.Version = 2
	want.Organization, want.Environment = old.Organization, old.Environment
	want.CreatedBy, want.CreatedAt, want.LastUsedAt = old.CreatedBy, old.CreatedAt, old.LastUsedAt
	got, err := k.store.Client(k.ctx, c.ID)
	k.must(err)
	k.equal("client", want, got)
	list, err := k.store.ListClients(k.ctx, other.ID, storage.Page{})
	k.must(err)
	k.equal("clients of the other organization", 0, len(list))
}

func clientUpdateRefused(k *kit) {
	o := k.organization()
	holder := k.client(o.ID, func(c *storage.Client) { c.Certificates = []storage.Certificate{k.certificate()} })
	for _, refusal := range []struct {
		name string
		edit func(*storage.Client)
		want error
	}{
		{"an older version", func(c *storage.Client) { c.Version-- }, storage.ErrConflict},
		{"a version to come", func(c *storage.Client) { c.Version++ }, storage.ErrConflict},
		{"no version", func(c *storage.Client) { c.Version = 0 }, storage.ErrConflict},
		{"no such client", func(c *storage.Client) { c.ID = "nobody-" + k.tag }, storage.ErrNotFound},
		{"the public key of another client", func(c *storage.Client) { c.Certificates = holder.Certificates }, storage.ErrExists},
	} {
		k.sub(refusal.name, func(k *kit) {
			stored := k.client(o.ID)
			stored = k.updateClient(stored, func(c *storage.Client) { c.Name = "second version" })
			before := k.change(storage.ClientChange, stored.ID)
			c := stored
			c.Name, c.Status = "never", storage.Revoked
			refusal.edit(&c)
			e := k.event("key.updated", c.ID)
			_, err := k.store.UpdateClient(k.ctx, c, storage.Quorum{}, k.now.Add(9*hour), e)
			k.is(err, refusal.want)
			k.notRecorded(e)
			got, err := k.store.Client(k.ctx, stored.ID)
			k.must(err)
			k.equal("client", stored, got)
			k.equal("change", before, k.change(storage.ClientChange, stored.ID))
		})
	}
	k.sub("revoked is final", func(k *kit) {
		c := k.client(o.ID)
		c = k.updateClient(c, func(c *storage.Client) { c.Status = storage.Suspended })
		c = k.updateClient(c, func(c *storage.Client) { c.Status = storage.Active })
		c = k.updateClient(c, func(c *storage.Client) { c.Status = storage.Revoked })
		for _, status := range []storage.Status{storage.Active, storage.Suspended, storage.Revoked} {
			again := c
			again.Status, again.Name = status, "back"
			e := k.event("key.updated", c.ID)
			_, err := k.store.UpdateClient(k.ctx, again, storage.Quorum{}, k.now.Add(hour), e)
			k.is(err, storage.ErrFinal)
			k.notRecorded(e)
		}
		got, err := k.store.Client(k.ctx, c.ID)
		k.must(err)
		k.equal("client", c, got)
	})
}

func clientEpoch(k *kit) {
	c := k.client(k.organization().ID, func(c *storage.Client) { c.Epoch = 5 })
	for _, step := range []struct{ given, want uint64 }{{4, 5}, {0, 5}, {6, 6}, {6, 6}, {1 << 40, 1 << 40}, {1, 1 << 40}} {
		c.Epoch = step.given
		change, err := k.store.UpdateClient(k.ctx, c, storage.Quorum{}, k.now.Add(hour), k.event("key.updated", c.ID))
		k.must(err)
		k.equal("epoch of the change", step.want, change.Epoch)
		c, err = k.store.Client(k.ctx, c.ID)
		k.must(err)
		k.equal("epoch", step.want, c.Epoch)
	}
}

func clientChangeNeverLowered(k *kit) {
	c := k.client(k.organization().ID, func(c *storage.Client) { c.Epoch = 5 })
	want := storage.Change{Kind: storage.ClientChange, ID: c.ID, Epoch: 5}
	for _, step := range []struct {
		status storage.Status
		until  time.Duration
		want   time.Duration
	}{
		{storage.Suspended, 3 * hour, 3 * hour},
		{storage.Active, hour, 3 * hour}, // an earlier end does not shorten it
		{storage.Suspended, 4 * hour, 4 * hour},
	} {
		c.Status, c.Epoch = step.status, 1
		change, err := k.store.UpdateClient(k.ctx, c, storage.Quorum{}, k.now.Add(step.until), k.event("key.updated", c.ID))
		k.must(err)
		c.Version++
		want.Status, want.Version, want.Until = step.status, c.Version, k.now.Add(step.want)
		k.changed(want, change)
	}
}

func clientPublicKeys(k *kit) {
	o := k.organization()
	x := k.certificate()
	renewed := k.certificate()
	renewed.KeyThumbprint = x.KeyThumbprint
	c := k.client(o.ID, func(c *storage.Client) { c.Certificates = []storage.Certificate{x, renewed} })

	k.client(o.ID, func(c *storage.Client) {
		c.Environment, c.Certificates = "uat", []storage.Certificate{x} // another environment
	})
	c = k.updateClient(c, func(c *storage.Client) { c.Certificates = []storage.Certificate{renewed} })
	second := k.newClient(o.ID)
	second.Certificates = []storage.Certificate{x}
	k.is(k.store.CreateClient(k.ctx, second, k.event("key.created", second.ID)), storage.ErrExists)

	owner, err := k.store.KeyOwner(k.ctx, c.Environment, x.KeyThumbprint)
	k.must(err)
	k.equal("owner of the key", c.ID, owner)
	for _, environment := range []string{"", "nowhere", c.Environment + " "} {
		_, err = k.store.KeyOwner(k.ctx, environment, x.KeyThumbprint)
		k.is(err, storage.ErrNotFound)
	}
	_, err = k.store.KeyOwner(k.ctx, c.Environment, x.Thumbprint) // that of the certificate, not of its key
	k.is(err, storage.ErrNotFound)

	c = k.updateClient(c, func(c *storage.Client) { c.Certificates = []storage.Certificate{x, renewed} })
	c = k.updateClient(c, func(c *storage.Client) { c.Certificates[0].RevokedAt, c.Certificates[1].RevokedAt = k.now, k.now })
	owner, err = k.store.KeyOwner(k.ctx, c.Environment, x.KeyThumbprint)
	k.must(err)
	k.equal("owner of a key whose certificates are revoked", c.ID, owner)
	k.is(k.store.CreateClient(k.ctx, second, k.event("key.created", second.ID)), storage.ErrExists)

	c = k.updateClient(c, func(c *storage.Client) { c.Certificates = nil })
	_, err = k.store.KeyOwner(k.ctx, c.Environment, x.KeyThumbprint)
	k.is(err, storage.ErrNotFound)
	k.must(k.store.CreateClient(k.ctx, second, k.event("key.created", second.ID)))
	c.Certificates = []storage.Certificate{x}
	_, err = k.store.UpdateClient(k.ctx, c, storage.Quorum{}, k.now.Add(hour), k.event("key.updated", c.ID))
	k.is(err, storage.ErrExists)
}

func clientList(k *kit) {
	o := k.organization()
	k.client(k.organization().ID) // not to be listed
	var want []string
	for range 5 {
		want = append(want, k.client(o.ID).ID)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 2, 5, 1000} {
		var got []string
		var page storage.Page
		for page.Limit = limit; ; {
			list, err := k.store.ListClients(k.ctx, o.ID, page)
			k.must(err)
			if len(list) > limit {
				k.Fatalf("a page of %d has %d clients", limit, len(list))
			}
			for _, c := range list {
				got = append(got, c.ID)
				page.After = c.ID
			}
			if len(list) < limit {
				break
			}
		}
		k.equal(fmt.Sprintf("clients by pages of %d", limit), want, got)
	}
	full := k.fullClient(o.ID)
	k.must(k.store.CreateClient(k.ctx, full, k.event("key.created", full.ID)))
	full.Version = 1
	list, err := k.store.ListClients(k.ctx, o.ID, storage.Page{})
	k.must(err)
	i := slices.IndexFunc(list, func(c storage.Client) bool { return c.ID == full.ID })
	if i < 0 {
		k.Fatalf("a client is missing from the list")
	}
	k.equal("listed client", full, list[i])
	list, err = k.store.ListClients(k.ctx, "nobody-"+k.tag, storage.Page{})
	k.must(err)
	k.equal("clients of nobody", 0, len(list))
}

func clientListDefaultLimit(k *kit) {
	o := k.organization()
	for range 101 {
		k.client(o.ID)
	}
	list, err := k.store.ListClients(k.ctx, o.ID, storage.Page{})
	k.must(err)
	k.equal("length of a page without a limit", 100, len(list))
	rest, err := k.store.ListClients(k.ctx, o.ID, storage.Page{After: list[99].ID})
	k.must(err)
	k.equal("length of the page after it", 1, len(rest))
}

func clientTouch(k *kit) {
	o := k.organization()
	c, other := k.client(o.ID), k.client(o.ID)
	k.must(k.store.Touch(k.ctx, nil))
	for _, step := range []struct {
		uses []storage.LastUse
		want time.Time
	}{
		{[]storage.LastUse{{Client: c.ID, At: k.now}}, k.now},
		{[]storage.LastUse{{Client: c.ID, At: k.now.Add(-hour)}}, k.now},
		{[]storage.LastUse{{Client: c.ID}}, k.now},
		{[]storage.LastUse{{Client: "nobody-" + k.tag, At: k.now}, {Client: c.ID, At: k.now.Add(time.Second)}}, k.now.Add(time.Second)},
		{[]storage.LastUse{{Client: c.ID, At: k.now.Add(hour)}, {Client: c.ID, At: k.now.Add(minute)}}, k.now.Add(hour)},
	} {
		k.must(k.store.Touch(k.ctx, step.uses))
		c.LastUsedAt = step.want
		got, err := k.store.Client(k.ctx, c.ID)
		k.must(err)
		k.equal("client", c, got)
	}
	got, err := k.store.Client(k.ctx, other.ID)
	k.must(err)
	k.equal("the other client", other, got)
	if change := k.change(storage.ClientChange, c.ID); change != nil {
		k.Errorf("Touch wrote a change")
	}
}
