package memory

import (
	"maps"
	"slices"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// milli brings a time to what the contract keeps: UTC, whole milliseconds.
func milli(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

func copyClient(c storage.Client) storage.Client {
	c.Secrets = slices.Clone(c.Secrets)
	c.Certificates = slices.Clone(c.Certificates)
	for i := range c.Certificates {
		c.Certificates[i].DER = slices.Clone(c.Certificates[i].DER)
	}
	c.JWKS = slices.Clone(c.JWKS)
	c.Prefixes = slices.Clone(c.Prefixes)
	c.Roles = slices.Clone(c.Roles)
	c.Boundary = slices.Clone(c.Boundary)
	c.Subscriptions = slices.Clone(c.Subscriptions)
	c.GrantTypes = slices.Clone(c.GrantTypes)
	c.Scopes = slices.Clone(c.Scopes)
	c.Audiences = slices.Clone(c.Audiences)
	c.RedirectURIs = slices.Clone(c.RedirectURIs)
	c.Origins = slices.Clone(c.Origins)
	if refresh := c.Lifetimes.ClientCredentialsRefresh; refresh != nil {
		c.Lifetimes.ClientCredentialsRefresh = new(*refresh)
	}
	c.TestIDs = maps.Clone(c.TestIDs)
	c.Labels = maps.Clone(c.Labels)
	return c
}

// keepClient is copyClient with its times as they are kept.
func keepClient(c storage.Client) storage.Client {
	c = copyClient(c)
	for i := range c.Secrets {
		s := &c.Secrets[i]
		s.CreatedAt, s.ExpiresAt = milli(s.CreatedAt), milli(s.ExpiresAt)
	}
	for i := range c.Certificates {
		x := &c.Certificates[i]
		x.NotBefore, x.NotAfter, x.RevokedAt = milli(x.NotBefore), milli(x.NotAfter), milli(x.RevokedAt)
	}
	c.CreatedAt, c.UpdatedAt = milli(c.CreatedAt), milli(c.UpdatedAt)
	c.ExpiresAt, c.LastUsedAt = milli(c.ExpiresAt), milli(c.LastUsedAt)
	return c
}

func copyOrganization(o storage.Organization) storage.Organization {
	o.Labels = maps.Clone(o.Labels)
	return o
}

func keepOrganization(o storage.Organization) storage.Organization {
	o = copyOrganization(o)
	o.CreatedAt, o.UpdatedAt = milli(o.CreatedAt), milli(o.UpdatedAt)
	return o
}

func copyMember(m storage.Member) storage.Member {
	m.Roles = slices.Clone(m.Roles)
	return m
}

func keepMember(m storage.Member) storage.Member {
	m = copyMember(m)
	m.CreatedAt, m.UpdatedAt = milli(m.CreatedAt), milli(m.UpdatedAt)
	return m
}

func copyGrant(g storage.Grant) storage.Grant {
	g.Scopes = slices.Clone(g.Scopes)
	g.Audiences = slices.Clone(g.Audiences)
	g.Sealed = slices.Clone(g.Sealed)
	g.Account = slices.Clone(g.Account)
	g.Refresh = slices.Clone(g.Refresh)
	return g
}

func keepGrant(g storage.Grant) storage.Grant {
	g = copyGrant(g)
	g.ConsentedAt, g.ExpiresAt, g.IdleAt = milli(g.ConsentedAt), milli(g.ExpiresAt), milli(g.IdleAt)
	g.AccessUntil, g.RotatedAt, g.EndedAt = milli(g.AccessUntil), milli(g.RotatedAt), milli(g.EndedAt)
	return g
}

func copyArtifact(a storage.Artifact) storage.Artifact {
	a.Key = slices.Clone(a.Key)
	a.Account = slices.Clone(a.Account)
	a.Sealed = slices.Clone(a.Sealed)
	return a
}

func keepArtifact(a storage.Artifact) storage.Artifact {
	a = copyArtifact(a)
	a.ExpiresAt, a.RedeemedAt = milli(a.ExpiresAt), milli(a.RedeemedAt)
	return a
}

func copyEvent(e storage.Event) storage.Event {
	e.Before = slices.Clone(e.Before)
	e.After = slices.Clone(e.After)
	e.Chain = slices.Clone(e.Chain)
	return e
}

// keepEvent is copyEvent as an event enters: not sealed.
func keepEvent(e storage.Event) storage.Event {
	e.Seq, e.Chain = 0, nil
	e = copyEvent(e)
	e.At = milli(e.At)
	return e
}

func copyKey(k storage.Key) storage.Key {
	k.Wrapped = slices.Clone(k.Wrapped)
	k.Public = slices.Clone(k.Public)
	return k
}

func keepKey(k storage.Key) storage.Key {
	k = copyKey(k)
	k.CreatedAt, k.StateAt = milli(k.CreatedAt), milli(k.StateAt)
	return k
}

func copyRows(rows [][]string) [][]string {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i] = slices.Clone(rows[i])
	}
	return rows
}

func copyRuleChange(c storage.RuleChange) storage.RuleChange {
	c.Add, c.Remove = copyRows(c.Add), copyRows(c.Remove)
	return c
}
