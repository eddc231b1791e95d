package main

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/storage"
)

const (
	customerName = "test.customer"
	customerID   = "7d0c5d58-4ad4-4c1e-9d6f-5a3f0f7b9c11" // the uuid

	// The test ids, which stand in for metadata and masks.
	testAccount       = "1234999999567"
	maskedTestAccount = "1234xxxxxx567"
	testPerson        = "7841999999999999567"
	maskedTestPerson  = "7841xxxxxxxxxxxx567"

	redirect       = "http://127.0.0.1:8765/callback"
	secondRedirect = "http://127.0.0.1:8765/other-callback"
)

// credentials are what -credentials writes.
type credentials struct {
	BaseURL string `json:"base_url"`
	Clients struct {
		Partner key `json:"partner"`
		Fintech key `json:"fintech"`
	} `json:"clients"`
	Customer struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"customer"`
}

// key is one client.
type key struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	RedirectURI  string   `json:"redirect_uri,omitempty"`
	Scopes       []string `json:"scopes,omitempty"`
}

// seed registers the demo's clients unless they are there.
func seed(ctx context.Context, keys *admin.Service, root keyring.Root, url string) (credentials, error) {
	out := credentials{BaseURL: url}
	out.Customer.Username, out.Customer.Password = customerName, example.Password(root, customerName)
	for id, name := range map[string]string{"partner-institution": "Partner Institution", "fintech-company": "Fintech Company"} {
		if err := keys.EnsureOrganization(ctx, id, name); err != nil {
			return out, err
		}
	}
	var err error
	if out.Clients.Partner, err = register(ctx, keys, root, "partner", partnerApp()); err != nil {
		return out, err
	}
	out.Clients.Fintech, err = register(ctx, keys, root, "fintech", fintechApp())
	return out, err
}

// register makes one client, whose secret is derived so that it can be handed
// out again. Real ones are random.
func register(ctx context.Context, keys *admin.Service, root keyring.Root, name string, c storage.Client) (key, error) {
	k := key{ClientID: name + "-" + example.ID(root, name), ClientSecret: example.Secret(root, name), Scopes: c.Scopes}
	if len(c.RedirectURIs) > 0 {
		k.RedirectURI = c.RedirectURIs[0]
	}
	c.ID = k.ClientID
	_, err := keys.EnsureKey(ctx, c, k.ClientSecret)
	return k, err
}

// partnerApp is how a partner institution is registered in the sandbox.
func partnerApp() storage.Client {
	c := authz.ClientOf(authz.Partner)
	c.Organization, c.Name = "partner-institution", "Partner app"
	c.Scopes, c.Subscriptions = partnerScopes, []string{partnerAuth}
	c.TestIDs = map[string]string{"account_id": testAccount, "emirates_id": testPerson}
	return c
}

// fintechApp is how a fintech is registered in the sandbox.
func fintechApp() storage.Client {
	c := authz.ClientOf(authz.Fintech)
	c.Organization, c.Name = "fintech-company", "Fintech app"
	c.Scopes, c.Subscriptions = fintechScopes, []string{customerSignIn}
	c.RedirectURIs = []string{redirect}
	c.TestIDs = map[string]string{"account_id": testAccount}
	return c
}

// shortLived gives a client tokens and codes that a tour can see expire.
func shortLived(c storage.Client) storage.Client {
	c.Name += ", short-lived"
	c.Lifetimes.Access, c.Lifetimes.Code = time.Second, time.Second
	return c
}
