package main

import (
	"context"
	"net/netip"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/storage"
)

const (
	organization   = "fintech-company"
	redirect       = "https://fintech.example/callback"
	secondRedirect = "https://fintech.example/other-callback"
)

// customers are the bank's, each with a uuid and accounts. The first one is the
// demo's; the others are there to be told apart from.
var customers = []struct {
	username, uuid, name string
	accounts             []account
}{
	{"demo.customer", "7d0c5d58-4ad4-4c1e-9d6f-5a3f0f7b9c11", "Demo Customer", []account{
		{Number: "1234999999567", Name: "Salary account", BalanceMinor: 1250000},
		{Number: "1234888888567", Name: "Savings account", BalanceMinor: 9900000}, // has the same mask
	}},
	{"other.customer", "b1c2a7de-0d8a-4b0e-8f5e-2f6f3a1c7e22", "Other Customer", []account{{Number: "5678000011129", Name: "Salary account", BalanceMinor: 70000}}},
	{"busy.customer", "c4b9e6a1-9f3d-4e57-8a10-6d2f4b8c9d33", "Busy Customer", []account{{Number: "4321000011127", Name: "Salary account", BalanceMinor: 500}}},
}

// credentials are what -credentials writes.
type credentials struct {
	BaseURL      string `json:"base_url"`
	BrowserURL   string `json:"browser_url"`
	CAFile       string `json:"ca_file"`
	BankJWKSFile string `json:"bank_jwks_file"`
	// Binding is the message profile, and BankID the bank's name in signed claims.
	Binding  string              `json:"binding"`
	BankID   string              `json:"bank_id"`
	Client   clientCredentials   `json:"client"`
	Customer customerCredentials `json:"customer"`
}

type clientCredentials struct {
	ClientID        string   `json:"client_id"`
	ClientSecret    string   `json:"client_secret"`
	CertificateFile string   `json:"certificate_file"`
	KeyFile         string   `json:"key_file"`
	RedirectURI     string   `json:"redirect_uri"`
	Scopes          []string `json:"scopes"`
}

type customerCredentials struct {
	UUID     string   `json:"uuid"`
	Username string   `json:"username"`
	Password string   `json:"password"`
	Accounts []string `json:"accounts"`
}

// seed opens the accounts and registers the fintech, unless they are there. Ids
// and secrets are derived, so that a server started again hands out the same
// ones; real secrets are random.
func (b *bank) seed(ctx context.Context) error {
	out := &b.credentials
	out.Binding, out.BankID = b.binding.String(), out.BaseURL
	demo := customers[0]
	out.Customer = customerCredentials{UUID: demo.uuid, Username: demo.username, Password: example.Password(b.root, demo.username)}
	for _, c := range customers {
		for i := range c.accounts {
			a := c.accounts[i]
			a.Customer = c.uuid
			if err := b.book.put(ctx, a); err != nil {
				return err
			}
		}
	}
	for _, a := range demo.accounts {
		out.Customer.Accounts = append(out.Customer.Accounts, a.Number)
	}
	if err := b.keys.EnsureOrganization(ctx, organization, "Fintech Company"); err != nil {
		return err
	}
	files, err := b.vault.Client(string(authz.Production), "fintech.example")
	if err != nil {
		return err
	}
	c := fintechApp()
	c.ID = "fintech-" + example.ID(b.root, "fintech")
	c.Certificates = []storage.Certificate{admin.CertificateRecord(files.Pair.Certificate)}
	out.Client = clientCredentials{ClientID: c.ID, ClientSecret: example.Secret(b.root, "fintech"), CertificateFile: files.CertificateFile,
		KeyFile: files.KeyFile, RedirectURI: redirect, Scopes: scopes}
	created, err := b.keys.EnsureKey(ctx, c, out.Client.ClientSecret)
	if err == nil && !created { // its certificate may be a new one
		_, err = b.keys.ImportCertificate(ctx, admin.Host().In(organization), c.ID, admin.Import{Data: files.Pair.PEM()})
	}
	return err
}

// fintechApp is how a fintech is registered.
func fintechApp() storage.Client {
	c := authz.ClientOf(authz.Fintech)
	c.Organization, c.Name = organization, "Fintech app"
	c.Scopes, c.Subscriptions = scopes, []string{customerSignIn}
	c.RedirectURIs = []string{redirect}
	c.Prefixes = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return c
}

// newPages are the login and consent pages. A customer's subject is their uuid:
// it is what tokens are bound to, and what a request's uuid must be.
func newPages(root keyring.Root) (*signin.Pages, error) {
	var accounts []signin.Account
	for _, c := range customers {
		hash, err := signin.HashPassword(example.Password(root, c.username))
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, signin.Account{Username: c.username, PasswordHash: hash, User: signin.User{Subject: c.uuid, Name: c.name}})
	}
	users, err := signin.NewStaticUsers(accounts...)
	if err != nil {
		return nil, err
	}
	return signin.New(signin.Config{Users: users, Title: "Sign in to your bank", UsernameLabel: "User name", ScopeText: scopeText})
}

// scopeText is what customers read on the consent page.
func scopeText(scope string) string {
	return map[string]string{
		"account_balances":     "See the balance of the account",
		"account_transactions": "See the transactions of the account",
	}[scope]
}
