package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

// Key is a key as its managers see it. It holds no secret and no hash.
type Key struct {
	ClientID     string
	Organization string
	Name         string
	Roles        []string
	// Boundary caps what the key may do; empty is no cap.
	Boundary   []string
	Scopes     []string
	GrantTypes []string
	// Type, RedirectURIs, Subscriptions and Addresses are those of an app that was
	// registered, see [Service.RegisterApp].
	Type          string
	RedirectURIs  []string
	Subscriptions []string
	Addresses     []netip.Prefix
	Status        storage.Status
	// Public keys belong to apps that can keep no secret; ResourceServer keys may
	// introspect the tokens of others and are the host's to manage.
	Public         bool
	ResourceServer bool
	Secrets        []SecretInfo
	CreatedBy      string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	// ExpiresAt is zero for never, LastUsedAt for not yet. Last use is coarse: it
	// is written every quarter of a minute.
	ExpiresAt  time.Time
	LastUsedAt time.Time
	// Version counts changes, for [KeyPatch.IfVersion].
	Version uint64
}

// SecretInfo tells the secrets of a key apart.
type SecretInfo struct {
	ID        string
	CreatedAt time.Time
	// ExpiresAt ends the overlap of a rotated secret; zero for the current one.
	ExpiresAt time.Time
}

// NewKey is what a key is to be. The zero value is a key with the default role.
type NewKey struct {
	// Name is what people call it.
	Name string
	// Roles; nil takes [Config.DefaultRole]. A list that is empty and not nil is
	// refused, lest a slip of a caller makes an admin.
	Roles []string
	// Boundary caps what the key may do, as permissions "object:action"; nil is
	// no cap.
	Boundary []string
	// Scopes are those that it may request, among [Config.KeyScopes]; nil is all.
	Scopes []string
	// ExpiresAt ends the key; zero is never.
	ExpiresAt time.Time
}

// keyOf is the record without what nobody may see.
func keyOf(c *storage.Client) Key {
	k := Key{ClientID: c.ID, Organization: c.Organization, Name: c.Name, Roles: c.Roles, Boundary: c.Boundary, Scopes: c.Scopes,
		GrantTypes: c.GrantTypes, Type: c.Type, RedirectURIs: c.RedirectURIs, Subscriptions: c.Subscriptions, Addresses: c.Prefixes, Status: c.Status, Public: c.Public, ResourceServer: c.ResourceServer,
		CreatedBy: c.CreatedBy, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, ExpiresAt: c.ExpiresAt, LastUsedAt: c.LastUsedAt, Version: c.Version}
	for _, secret := range c.Secrets {
		k.Secrets = append(k.Secrets, SecretInfo{secret.ID, secret.CreatedAt, secret.ExpiresAt})
	}
	return k
}

// CreateKey makes a key in the actor's organization and returns it with its
// secret, which is shown this once and kept nowhere.
func (s *Service) CreateKey(ctx context.Context, a Actor, n NewKey) (Key, string, error) {
	k, secret, err := s.createKey(ctx, a, n)
	s.recordRefusal(a, "key", "created", "", err)
	return k, secret, err
}

func (s *Service) createKey(ctx context.Context, a Actor, n NewKey) (Key, string, error) {
	if err := s.permit(ctx, a, "key", actionManage); err != nil {
		return Key{}, "", err
	}
	now := s.now()
	if n.Roles == nil {
		n.Roles = []string{s.cfg.DefaultRole}
	}
	if n.Scopes == nil {
		n.Scopes = s.cfg.KeyScopes
	}
	n.ExpiresAt = n.ExpiresAt.UTC().Truncate(time.Millisecond)
	if err := cmp.Or(checkName(n.Name), checkRoles(n.Roles), checkBoundary(n.Boundary), s.checkScopes(n.Scopes), checkExpiry(n.ExpiresAt, now)); err != nil {
		return Key{}, "", err
	}
	if err := s.mayGive(ctx, a, rights{organization: a.organization, roles: n.Roles, boundary: n.Boundary}); err != nil {
		return Key{}, "", err
	}
	return s.newClient(ctx, a, storage.Client{Name: n.Name, Roles: slices.Clone(n.Roles), Boundary: slices.Clone(n.Boundary),
		Scopes: slices.Clone(n.Scopes), GrantTypes: slices.Clone(s.cfg.KeyGrantTypes), ExpiresAt: n.ExpiresAt})
}

// newClient stores a client that has been checked under a new id, with a new secret.
func (s *Service) newClient(ctx context.Context, a Actor, c storage.Client) (Key, string, error) {
	if err := s.openOrganization(ctx, a.organization); err != nil {
		return Key{}, "", err
	}
	now, secret := s.now(), token.NewSecret()
	c.Organization, c.Environment, c.Status = a.organization, s.environment, storage.Active
	c.CreatedBy, c.CreatedAt, c.UpdatedAt = a.subject, now, now
	c.Secrets = []storage.Secret{{ID: storage.NewID(now).String(), Hash: s.in.Keyring().HashSecret(secret), CreatedAt: now}}
	for range attempts {
		c.ID = token.NewClientID()
		k := &keyRecord{c}
		err := s.insert(ctx, a, k)
		if errors.Is(err, ErrExists) {
			continue // one in 2^120
		}
		if err != nil {
			return Key{}, "", err
		}
		return keyOf(&k.Client), secret, nil
	}
	return Key{}, "", exists("key")
}

// openOrganization refuses an organization that is not there or is revoked.
func (s *Service) openOrganization(ctx context.Context, id string) error {
	if id == "" {
		return invalid("organization", "named: Host().In(organization)")
	}
	o, err := s.store.Organization(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return notFound("organization", "unknown")
	case err != nil:
		return fmt.Errorf("admin: reading an organization: %w", err)
	case o.Status == storage.Revoked:
		return revoked("organization")
	}
	return nil
}

// Key returns one key of the actor's organization.
func (s *Service) Key(ctx context.Context, a Actor, clientID string) (Key, error) {
	k, err := s.readPermitted(ctx, a, clientID)
	if err != nil {
		s.recordRefusal(a, "key", "read", keyTarget(clientID), err)
		return Key{}, err
	}
	return keyOf(&k.Client), nil
}

func (s *Service) readPermitted(ctx context.Context, a Actor, clientID string) (*keyRecord, error) {
	if err := s.permit(ctx, a, keyObject(clientID), actionManage); err != nil {
		return nil, err
	}
	return s.readKey(ctx, a, clientID)
}

// readKey is the one place where a key is found by its id: the actor's own
// organization, and this environment, or there is none.
func (s *Service) readKey(ctx context.Context, a Actor, clientID string) (*keyRecord, error) {
	if !validID(clientID) {
		return nil, notFound("key", "malformed_id")
	}
	c, err := s.store.Client(ctx, clientID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, notFound("key", "unknown")
	case err != nil:
		return nil, fmt.Errorf("admin: reading a key: %w", err)
	case c.Organization != a.organization && !(a.host && a.organization == ""):
		return nil, notFound("key", otherOrganization)
	case c.Environment != s.environment:
		return nil, notFound("key", "other_environment")
	}
	return &keyRecord{c}, nil
}

// otherOrganization is the reason of a refusal that names what does exist.
const otherOrganization = "other_organization"

// keyObject is what the policy is asked about. An id that no key has is asked
// about as the kind: there is nothing to find behind it.
func keyObject(clientID string) string {
	if !validID(clientID) {
		return "key"
	}
	return "key:" + clientID
}

// keyTarget names a key in the audit trail; what cannot be one is not repeated.
func keyTarget(clientID string) string {
	if !validID(clientID) {
		return ""
	}
	return "key:" + clientID
}

// ListKeys lists the keys of the actor's organization by client id, revoked ones
// included. next, if not empty, is where the following page begins.
func (s *Service) ListKeys(ctx context.Context, a Actor, p Page) (keys []Key, next string, err error) {
	keys, next, err = s.listKeys(ctx, a, p)
	s.recordRefusal(a, "key", "listed", "", err)
	return keys, next, err
}

func (s *Service) listKeys(ctx context.Context, a Actor, p Page) (keys []Key, next string, err error) {
	if err := s.permit(ctx, a, "key", actionManage); err != nil {
		return nil, "", err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, "", err
	}
	if a.organization == "" {
		return nil, "", invalid("organization", "named: Host().In(organization)")
	}
	if p.After != "" && !validID(p.After) {
		return nil, "", invalid("after", "a client id")
	}
	for after := p.After; ; {
		clients, err := s.store.ListClients(ctx, a.organization, storage.Page{After: after, Limit: limit + 1})
		if err != nil {
			return nil, "", fmt.Errorf("admin: listing keys: %w", err)
		}
		for i := range clients {
			after = clients[i].ID
			if clients[i].Environment != s.environment {
				continue
			}
			if len(keys) == limit {
				return keys, keys[limit-1].ClientID, nil
			}
			keys = append(keys, keyOf(&clients[i]))
		}
		if len(clients) <= limit {
			return keys, "", nil
		}
	}
}
