package storagetest

import (
	"crypto/sha256"
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// newOrganization returns an active organization that is not stored.
func (k *kit) newOrganization() storage.Organization {
	return storage.Organization{ID: k.name("org"), Name: "Merchant", Status: storage.Active, CreatedAt: k.now, UpdatedAt: k.now}
}

// organization stores an active organization and returns it as stored.
func (k *kit) organization() storage.Organization {
	k.Helper()
	o := k.newOrganization()
	k.must(k.store.CreateOrganization(k.ctx, o, k.event("organization.created", o.ID)))
	o.Version = 1
	return o
}

// newClient returns an active client that is not stored.
func (k *kit) newClient(organization string) storage.Client {
	return storage.Client{
		ID: k.name("key"), Organization: organization, Environment: "production",
		Status: storage.Active, CreatedAt: k.now, UpdatedAt: k.now,
	}
}

// client stores an active client and returns it as stored.
func (k *kit) client(organization string, edit ...func(*storage.Client)) storage.Client {
	k.Helper()
	c := k.newClient(organization)
	for _, e := range edit {
		e(&c)
	}
	k.must(k.store.CreateClient(k.ctx, c, k.event("key.created", c.ID)))
	c.Version = 1
	return c
}

// member stores an active member and returns it as stored.
func (k *kit) member(organization string, edit ...func(*storage.Member)) storage.Member {
	k.Helper()
	m := storage.Member{
		Organization: organization, Subject: k.name("user"), Name: "Somebody",
		Status: storage.Active, CreatedAt: k.now, UpdatedAt: k.now,
	}
	for _, e := range edit {
		e(&m)
	}
	k.must(k.store.CreateMember(k.ctx, m, k.event("member.created", m.Subject)))
	m.Version = 1
	return m
}

// updateClient stores the edited client and returns it as stored.
func (k *kit) updateClient(c storage.Client, edit func(*storage.Client)) storage.Client {
	k.Helper()
	edit(&c)
	change, err := k.store.UpdateClient(k.ctx, c, storage.Quorum{}, k.now.Add(hour), k.event("key.updated", c.ID))
	k.must(err)
	c.Version = change.Version
	return c
}

func (k *kit) updateOrganization(o storage.Organization, edit func(*storage.Organization)) storage.Organization {
	k.Helper()
	edit(&o)
	change, err := k.store.UpdateOrganization(k.ctx, o, k.now.Add(hour), k.event("organization.updated", o.ID))
	k.must(err)
	o.Version = change.Version
	return o
}

func (k *kit) updateMember(m storage.Member, edit func(*storage.Member)) storage.Member {
	k.Helper()
	edit(&m)
	change, err := k.store.UpdateMember(k.ctx, m, storage.Quorum{}, k.now.Add(hour), k.event("member.updated", m.Subject))
	k.must(err)
	m.Version = change.Version
	return m
}

// newGrant returns a live grant of the client, with a refresh token of
// generation 3, that is not stored.
func (k *kit) newGrant(c storage.Client) storage.Grant {
	return storage.Grant{
		ID: storage.NewID(k.now), Client: c.ID, Organization: c.Organization,
		Scopes: []string{"accounts"}, Sealed: []byte{0, 1, 2, 0xff},
		ConsentedAt: k.now.Add(-day), ExpiresAt: k.now.Add(90 * day), IdleAt: k.now.Add(30 * day),
		AccessUntil: k.now.Add(hour), Generation: 3, Refresh: k.key(),
	}
}

// grant stores a grant made by newGrant.
func (k *kit) grant(c storage.Client, edit ...func(*storage.Grant)) storage.Grant {
	k.Helper()
	g := k.newGrant(c)
	for _, e := range edit {
		e(&g)
	}
	k.must(k.store.CreateGrant(k.ctx, g))
	return g
}

// virtual returns a virtual grant of the client.
func (k *kit) virtual(c storage.Client) storage.Grant {
	g := k.newGrant(c)
	g.Generation = 0
	return g
}

// code stores an authorization code of the client.
func (k *kit) code(c storage.Client, edit ...func(*storage.Artifact)) storage.Artifact {
	k.Helper()
	a := storage.Artifact{
		Kind: storage.AuthorizationCode, Key: k.key(), Client: c.ID, Organization: c.Organization,
		Sealed: []byte("sealed"), ExpiresAt: k.now.Add(minute),
	}
	for _, e := range edit {
		e(&a)
	}
	k.must(k.store.PutArtifact(k.ctx, a))
	return a
}

// rotation asks to exchange the current refresh token of the grant.
func (k *kit) rotation(g storage.Grant) storage.Rotation {
	return storage.Rotation{
		ID: g.ID, Client: g.Client, From: g.Generation, Presented: g.Refresh, Next: k.key(), At: k.now,
		IdleAt: k.now.Add(30 * day), AccessUntil: k.now.Add(hour),
		Until: k.now.Add(2 * hour), Skew: 5 * minute,
	}
}

// redemption asks to redeem the artifact for a fresh grant.
func (k *kit) redemption(a storage.Artifact) storage.Redemption {
	g := k.newGrant(storage.Client{ID: a.Client, Organization: a.Organization})
	g.Subject, g.Generation = a.Subject, 1
	return storage.Redemption{
		Kind: a.Kind, Key: a.Key, Client: a.Client, At: k.now, Grant: &g, Until: k.now.Add(2 * hour),
	}
}

func (k *kit) certificate() storage.Certificate {
	der := append([]byte("der:"), k.key()...)
	return storage.Certificate{
		DER: der, Thumbprint: sha256.Sum256(der), KeyThumbprint: sha256.Sum256(k.key()),
		KeyID: k.name("kid"), NotBefore: k.now.Add(-day), NotAfter: k.now.Add(365 * day),
	}
}

// fullClient returns a client in which every member is set.
func (k *kit) fullClient(organization string) storage.Client {
	yes := true
	revoked := k.certificate()
	revoked.RevokedAt = k.now.Add(-minute)
	return storage.Client{
		ID: k.name("key"), Organization: organization, Environment: "uat",
		Name: "Till & Söhne \"Ω\" 🧾", Type: "partner", Public: true, ResourceServer: true,
		Status: storage.Suspended, Epoch: 7,
		Secrets: []storage.Secret{
			{ID: "a", Hash: "hs256:AAAA", CreatedAt: k.now.Add(-day), ExpiresAt: k.now.Add(day)},
			{ID: "b", Hash: "hs256:BBBB", CreatedAt: k.now},
		},
		Certificates: []storage.Certificate{k.certificate(), revoked},
		JWKS:         []byte(`{"keys":[ {"kty":"OKP"} ]}`),
		Prefixes: []netip.Prefix{
			netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"),
			netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("0.0.0.0/0"),
		},
		Roles: []string{"admin", "operator"}, Boundary: []string{"account:read", "transfer:*"},
		Subscriptions: []string{"accounts", "payments"},
		GrantTypes:    []string{"authorization_code", "refresh_token"},
		Scopes:        []string{"a", "b"}, Audiences: []string{"https://api.example.com"},
		RedirectURIs: []string{"https://app.example.com/cb?x=1&y=2"}, Origins: []string{"https://app.example.com"},
		Lifetimes: storage.Lifetimes{
			Access: time.Hour, Code: time.Minute, RefreshAbsolute: 3 * 365 * day,
			RefreshIdle: 180 * day, RefreshGrace: 1500 * time.Millisecond, ClientCredentialsRefresh: &yes,
		},
		TestIDs: map[string]string{"account_id": "1234999999567"},
		Labels:  map[string]string{"team": "tills", "": "empty key", "empty value": ""},

		CreatedBy: "user:someone", CreatedAt: k.now.Add(-time.Hour), UpdatedAt: k.now,
		ExpiresAt: k.now.Add(300 * day), LastUsedAt: k.now.Add(-time.Second), Version: 99,
	}
}

// fullGrant returns a grant in which every member is set.
func (k *kit) fullGrant(c storage.Client) storage.Grant {
	return storage.Grant{
		ID: storage.NewID(k.now), Client: c.ID, Organization: c.Organization, Subject: k.name("user"),
		Epochs: storage.Epochs{Client: 1, Organization: 2, Member: 1 << 40},
		Scopes: []string{"openid", "accounts"}, Audiences: []string{"https://api.example.com"},
		Sealed: []byte{0, 0xff, '\'', '\\'}, Account: k.key(),
		ConsentedAt: k.now.Add(-day), ExpiresAt: k.now.Add(3 * 365 * day), IdleAt: k.now.Add(180 * day),
		AccessUntil: k.now.Add(hour + time.Millisecond), Generation: 1 << 31, Refresh: k.key(),
		RotatedAt: k.now, Graceable: true, EndedAt: k.now.Add(minute), EndReason: "withdrawn",
	}
}
