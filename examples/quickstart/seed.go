package main

import (
	"context"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/storage"
)

const (
	organization      = "demo"
	otherOrganization = "other-demo"
	userEmail         = "user@demo.example"
	userSubject       = "demo-user"
	mobileRedirect    = "http://127.0.0.1:8765/callback"
)

// credentials are what -credentials writes.
type credentials struct {
	Issuer            string                    `json:"issuer"`
	Organization      string                    `json:"organization"`
	Keys              map[string]keyCredentials `json:"keys"`
	Mobile            mobileCredentials         `json:"mobile"`
	User              userCredentials           `json:"user"`
	ResourceServer    keyCredentials            `json:"resource_server"`
	OtherOrganization otherCredentials          `json:"other_organization"`
}

type keyCredentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

type mobileCredentials struct {
	ClientID    string `json:"client_id"`
	RedirectURI string `json:"redirect_uri"`
}

type userCredentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type otherCredentials struct {
	Organization string         `json:"organization"`
	Admin        keyCredentials `json:"admin"`
}

// seed makes the demo's organizations, keys and member unless they are there.
func seed(ctx context.Context, keys *admin.Service, root keyring.Root, base string) (credentials, error) {
	out := credentials{Issuer: base, Organization: organization, Keys: map[string]keyCredentials{},
		Mobile: mobileCredentials{"mobile-" + example.ID(root, "mobile"), mobileRedirect},
		User:   userCredentials{userEmail, example.Password(root, userEmail)}}
	for id, name := range map[string]string{organization: "Demo Merchant", otherOrganization: "Other Merchant"} {
		if err := keys.EnsureOrganization(ctx, id, name); err != nil {
			return out, err
		}
	}
	ensure := func(name string, c storage.Client) (keyCredentials, error) {
		key := keyCredentials{name + "-" + example.ID(root, name), example.Secret(root, name)}
		c.ID = key.ClientID
		_, err := keys.EnsureKey(ctx, c, key.ClientSecret)
		return key, err
	}
	for _, role := range []string{"admin", "operator", "viewer", "terminal-manager", "transfer-only"} {
		key, err := ensure(role, storage.Client{Organization: organization, Name: "Demo " + role, Roles: []string{role}})
		if err != nil {
			return out, err
		}
		out.Keys[role] = key
	}
	var err error
	if out.ResourceServer, err = ensure("resource-server", storage.Client{Organization: organization, Name: "Demo resource server", ResourceServer: true,
		GrantTypes: []string{"client_credentials"}}); err != nil {
		return out, err
	}
	other, err := ensure("other-admin", storage.Client{Organization: otherOrganization, Name: "Other admin", Roles: []string{"admin"}})
	if err != nil {
		return out, err
	}
	out.OtherOrganization = otherCredentials{otherOrganization, other}
	if _, err := keys.EnsureMember(ctx, organization, admin.NewMember{Subject: userSubject, Name: "Demo User", Roles: []string{"operator"}}); err != nil {
		return out, err
	}
	_, err = keys.EnsureKey(ctx, storage.Client{ID: out.Mobile.ClientID, Organization: organization, Name: "Demo mobile app", Public: true,
		GrantTypes: []string{"authorization_code", "refresh_token"}, RedirectURIs: []string{mobileRedirect}}, "")
	return out, err
}
