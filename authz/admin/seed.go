package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/storage"
)

// EnsureOrganization makes an organization unless it is there; one that is there
// stays as it is. It acts as [Host], and several instances may call it at once.
func (s *Service) EnsureOrganization(ctx context.Context, id, name string) error {
	_, err := s.createOrganization(ctx, Host(), NewOrganization{ID: id, Name: name})
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// EnsureKey makes a client with an id and a secret that the host chose, unless
// the id is there, and reports whether it did. It acts as [Host] and takes a
// whole client, so that it serves for public clients, resource servers and
// whatever else the API of keys does not make. ID and Organization are required,
// a Secret of at least 32 random bytes too unless c.Public. Environment, Status
// and times are filled in; nil GrantTypes and Scopes take those of new keys.
//
// A client that is there stays as it is, whatever became of it: a rotated secret
// does not come back, and neither does a revoked key. One of another
// organization, or of another environment, is an error.
func (s *Service) EnsureKey(ctx context.Context, c storage.Client, secret string) (created bool, err error) {
	if err := s.checkSeed(ctx, &c, secret); err != nil {
		return false, err
	}
	now := s.now()
	c.Environment, c.Status, c.CreatedBy = s.environment, storage.Active, Host().subject
	c.CreatedAt, c.UpdatedAt, c.LastUsedAt, c.Secrets = now, now, time.Time{}, nil
	if secret != "" {
		c.Secrets = []storage.Secret{{ID: storage.NewID(now).String(), Hash: s.in.Keyring().HashSecret(secret), CreatedAt: now}}
	}
	if c.GrantTypes == nil {
		c.GrantTypes = slices.Clone(s.cfg.KeyGrantTypes)
	}
	if c.Scopes == nil {
		c.Scopes = slices.Clone(s.cfg.KeyScopes)
	}
	err = s.insert(ctx, Host(), &keyRecord{c})
	if !errors.Is(err, ErrExists) {
		return err == nil, err
	}
	there, err := s.store.Client(ctx, c.ID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return false, exists("key") // one of its certificates is another client's
	case err != nil:
		return false, fmt.Errorf("admin: reading a key: %w", err)
	case there.Organization != c.Organization || there.Environment != c.Environment:
		return false, exists("key")
	}
	return false, nil
}

func (s *Service) checkSeed(ctx context.Context, c *storage.Client, secret string) error {
	switch {
	case !validID(c.ID):
		return invalid("client_id", fmt.Sprintf(`1 to %d letters, digits or "-._~@+"`, maxID))
	case c.Public && secret != "":
		return invalid("client_secret", "empty for a public client")
	case !c.Public && len(secret) < minSecret:
		return invalid("client_secret", fmt.Sprintf("at least %d random characters; token.NewSecret makes one", minSecret))
	}
	if err := cmp.Or(checkRedirectURIs(c.RedirectURIs, slices.Contains(c.GrantTypes, "authorization_code")), s.checkSubscriptions(c.Subscriptions),
		checkOrigins(c.Origins), s.checkAddresses(c.Prefixes), checkLifetimes(c.Lifetimes), s.checkTestIDs(c.TestIDs)); err != nil {
		return err
	}
	if len(c.Roles) == 0 {
		return nil // an app that acts for people only holds none
	}
	if err := checkRoles(c.Roles); err != nil {
		return err
	}
	return s.mayGive(ctx, Host(), rights{organization: c.Organization, roles: c.Roles})
}

// checkOrigins wants each origin as browsers send it (RFC 6454 section 6.2): one
// that is written otherwise would never match.
func checkOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Hostname() == "" || origin != strings.ToLower(u.Scheme+"://"+u.Host) || strings.HasSuffix(u.Host, ":") ||
			strings.ContainsAny(u.Host, "*, ") || u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
			return invalid("origins", "origins as browsers send them: scheme, host in lower case, and the port unless it is the usual one, such as https://shop.example")
		}
	}
	return nil
}

// EnsureMember makes a person a member unless they are one, and reports whether
// it did. A membership that is there stays as it is, also a revoked one.
func (s *Service) EnsureMember(ctx context.Context, organization string, n NewMember) (created bool, err error) {
	_, err = s.createMember(ctx, Host().In(organization), n)
	if errors.Is(err, ErrExists) {
		return false, nil
	}
	return err == nil, err
}
