package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/storage"
)

// NewApp is an application to register: a client of one of the types of
// [authz.ClientOf], which holds no roles and does what its API products permit.
// Type is required, and RedirectURIs where customers sign in.
type NewApp struct {
	// Name is what people call it.
	Name string
	// Type is authz.Fintech, authz.Partner or authz.InternalApp.
	Type string
	// RedirectURIs are where customers who have signed in may be sent back to,
	// see [authz.CheckRedirectURI]. Types without sign-in take none.
	RedirectURIs []string
	// Subscriptions are the API products that it may use.
	Subscriptions []string
	// Scopes are those that it may request, as far as its subscriptions permit
	// them; nil is all that any API product or [Config.KeyScopes] has.
	Scopes []string
	// Addresses are those that it may call from, where addresses are checked.
	// None means from nowhere.
	Addresses []netip.Prefix
	// Lifetimes are those of what is issued to it; zero members take the
	// profile's.
	Lifetimes storage.Lifetimes
	// TestIDs, in a sandbox only, satisfy metadata and masks, by kind of id.
	TestIDs map[string]string
	// ExpiresAt ends the app; zero is never.
	ExpiresAt time.Time
}

// RegisterApp registers an application in the actor's organization and returns
// it with its secret, which is shown this once and kept nowhere. Register its
// certificates with [Service.ImportCertificate]. It takes the right to manage
// keys; what the app may be subscribed to is for the caller to decide.
func (s *Service) RegisterApp(ctx context.Context, a Actor, n NewApp) (Key, string, error) {
	k, secret, err := s.registerApp(ctx, a, n)
	s.recordRefusal(a, "key", "registered", "", err)
	return k, secret, err
}

func (s *Service) registerApp(ctx context.Context, a Actor, n NewApp) (Key, string, error) {
	if err := s.permit(ctx, a, "key", actionManage); err != nil {
		return Key{}, "", err
	}
	c := authz.ClientOf(n.Type)
	if len(c.GrantTypes) == 0 {
		return Key{}, "", invalid("type", fmt.Sprintf("%q, %q or %q", authz.Fintech, authz.Partner, authz.InternalApp))
	}
	if n.Scopes == nil {
		n.Scopes = s.offeredScopes()
	}
	n.ExpiresAt = n.ExpiresAt.UTC().Truncate(time.Millisecond)
	if err := cmp.Or(checkName(n.Name), checkRedirectURIs(n.RedirectURIs, n.Type == authz.Fintech), s.checkSubscriptions(n.Subscriptions),
		s.checkOffered(n.Scopes), s.checkAddresses(n.Addresses), checkLifetimes(n.Lifetimes), s.checkTestIDs(n.TestIDs), checkExpiry(n.ExpiresAt, s.now())); err != nil {
		return Key{}, "", err
	}
	if err := s.mayGive(ctx, a, rights{organization: a.organization}); err != nil {
		return Key{}, "", err
	}
	c.Name, c.RedirectURIs, c.Subscriptions, c.Scopes = n.Name, slices.Clone(n.RedirectURIs), slices.Clone(n.Subscriptions), slices.Clone(n.Scopes)
	c.Prefixes, c.Lifetimes, c.TestIDs, c.ExpiresAt = slices.Clone(n.Addresses), n.Lifetimes, maps.Clone(n.TestIDs), n.ExpiresAt
	return s.newClient(ctx, a, c)
}

// SetRedirectURIs replaces the redirect URIs of an app that customers sign in
// for. Authorizations that are under way to one that is gone are refused.
func (s *Service) SetRedirectURIs(ctx context.Context, a Actor, clientID string, uris []string) (Key, error) {
	return s.changeKey(ctx, a, clientID, "redirect_uris_set", 0, func(k *keyRecord, _ time.Time) error {
		if err := checkRedirectURIs(uris, slices.Contains(k.GrantTypes, "authorization_code")); err != nil {
			return err
		}
		k.RedirectURIs = slices.Clone(uris)
		return nil
	})
}

// SetAddresses replaces the addresses that a key may call from, where addresses
// are checked. None means from nowhere.
func (s *Service) SetAddresses(ctx context.Context, a Actor, clientID string, prefixes []netip.Prefix) (Key, error) {
	return s.changeKey(ctx, a, clientID, "addresses_set", 0, func(k *keyRecord, _ time.Time) error {
		if err := s.checkAddresses(prefixes); err != nil {
			return err
		}
		k.Prefixes = slices.Clone(prefixes)
		return nil
	})
}

// Subscribe replaces the API products that a key has subscribed to.
func (s *Service) Subscribe(ctx context.Context, a Actor, clientID string, products []string) (Key, error) {
	return s.changeKey(ctx, a, clientID, "subscribed", 0, func(k *keyRecord, _ time.Time) error {
		if err := s.checkSubscriptions(products); err != nil {
			return err
		}
		k.Subscriptions = slices.Clone(products)
		return nil
	})
}

// checkRedirectURIs wants at least one where people sign in, and none elsewhere.
func checkRedirectURIs(uris []string, signIn bool) error {
	switch {
	case !signIn && len(uris) > 0:
		return invalid("redirect_uris", "left out: nobody signs in for this type of app")
	case signIn && (len(uris) == 0 || len(uris) > maxEntries):
		return invalid("redirect_uris", fmt.Sprintf("a list of 1 to %d redirect URIs", maxEntries))
	}
	for i, uri := range uris {
		if authz.CheckRedirectURI(uri) != nil || len(uri) > maxURI {
			return invalid("redirect_uris", "https URIs without fragment and user, http on a loopback address such as 127.0.0.1, or of a scheme that is a reversed domain name")
		}
		if slices.Contains(uris[:i], uri) {
			return invalid("redirect_uris", "a list that has each URI once")
		}
	}
	return nil
}

// checkSubscriptions wants products that there are, where any are configured.
func (s *Service) checkSubscriptions(products []string) error {
	known := s.in.Config().Products
	for i, name := range products {
		if _, ok := known[name]; !ok && len(known) > 0 || !isToken(name) {
			return invalid("subscriptions", "a list of API products that there are")
		}
		if slices.Contains(products[:i], name) {
			return invalid("subscriptions", "a list that has each API product once")
		}
	}
	return nil
}

// offeredScopes are those of all API products and of new keys.
func (s *Service) offeredScopes() []string {
	scopes := slices.Clone(s.cfg.KeyScopes)
	for _, product := range s.in.Config().Products {
		scopes = append(scopes, product.Scopes...)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

func (s *Service) checkOffered(scopes []string) error {
	offered := s.offeredScopes()
	for _, scope := range scopes {
		if !slices.Contains(offered, scope) {
			return invalid("scopes", "a list of scopes that apps may request here")
		}
	}
	return nil
}

// checkAddresses wants prefixes that the address lists will take, where there are
// such lists.
func (s *Service) checkAddresses(prefixes []netip.Prefix) error {
	options := allowlist.Options{AllowPrivate: true, AllowLoopback: true}
	if cfg := s.in.Config(); cfg.Profile.AddressList {
		options = cfg.Addresses
	}
	_, err := allowlist.Compile(prefixes, options)
	if wrong, ok := errors.AsType[*allowlist.PrefixError](err); ok {
		return invalid("addresses", "a list of ranges that clients may call from; number "+fmt.Sprint(wrong.Index+1)+" "+wrong.Reason)
	}
	return err
}

func checkLifetimes(l storage.Lifetimes) error {
	for _, d := range []time.Duration{l.Access, l.Code, l.RefreshAbsolute, l.RefreshIdle, l.RefreshGrace} {
		if d < 0 {
			return invalid("lifetimes", "durations that are not negative")
		}
	}
	return nil
}

func (s *Service) checkTestIDs(ids map[string]string) error {
	profile := s.in.Config().Profile
	if len(ids) > 0 && !profile.IsSandbox() {
		return invalid("test_ids", "left out: they are for sandboxes")
	}
	for kind, id := range ids {
		if err := cmp.Or(checkText("test_ids", kind, maxEntry), checkText("test_ids", id, maxEntry)); err != nil {
			return err
		}
	}
	return nil
}
