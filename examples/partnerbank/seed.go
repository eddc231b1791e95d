package main

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/mtls"
)

// credentials are what -credentials writes.
type credentials struct {
	BaseURL      string                `json:"base_url"`
	CAFile       string                `json:"ca_file,omitempty"`
	BankJWKSFile string                `json:"bank_jwks_file,omitempty"`
	Environment  string                `json:"environment"`
	Binding      string                `json:"binding,omitempty"`
	BankID       string                `json:"bank_id,omitempty"`
	Clients      map[string]clientKeys `json:"clients"`
}

// clientKeys are what a client has from the bank, and what it may ask for.
type clientKeys struct {
	ClientID        string   `json:"client_id"`
	ClientSecret    string   `json:"client_secret"`
	CertificateFile string   `json:"certificate_file,omitempty"`
	KeyFile         string   `json:"key_file,omitempty"`
	Scopes          []string `json:"scopes"`
	AccountID       string   `json:"account_id"`
	EmiratesID      string   `json:"emirates_id"`
	// TwinAccountID is another account that looks the same when it is masked.
	TwinAccountID string `json:"twin_account_id,omitempty"`
}

// registration is what a client is registered with.
type registration struct {
	name     string
	kind     string // authz.Partner or authz.InternalApp
	accounts []string
	emirates string
	products []string
	access   time.Duration // lifetime of access tokens; 0: the profile's
}

var (
	scopes        = []string{"beneficiary_management", "send_money"}
	partnerAccess = []string{partnerAuth, beneficiaries, transfers}

	demoClients = []registration{
		{name: "partner", kind: authz.Partner, accounts: []string{"1234999999567", "1234888888567", "1234567890123"}, emirates: "7841999999999999567", products: partnerAccess},
		{name: "internal", kind: authz.InternalApp, accounts: []string{"2001111111345"}, emirates: "7841988888888888345", products: []string{internalAuth, beneficiaries, transfers}},
		{name: "stranger", kind: authz.Partner, accounts: []string{"9876000000210"}, emirates: "7841977777777777210", products: partnerAccess},
	}
)

// seed registers the demo's clients unless they are there.
func (b *bank) seed(ctx context.Context, base, keysFile string) (credentials, error) {
	out := credentials{BaseURL: base, Environment: string(b.environment), Clients: map[string]clientKeys{}}
	if !b.sandbox() {
		out.CAFile, out.BankJWKSFile, out.Binding, out.BankID = b.vault.CAFile(), keysFile, b.binding.String(), base
	}
	if err := b.book.openAccounts(ctx); err != nil {
		return out, err
	}
	for _, r := range demoClients {
		var files *bankdemo.ClientFiles
		if !b.sandbox() {
			var err error
			if files, err = b.vault.Client(string(b.environment), r.name+".example"); err != nil {
				return out, err
			}
		}
		keys, err := b.register(ctx, r, files)
		if err != nil {
			return out, err
		}
		out.Clients[r.name] = keys
	}
	return out, nil
}

// register makes a client, unless it is there, with its certificate, and writes
// into the books for whom it may act. Its id and secret are derived, so that a
// server started again hands out the same ones; real secrets are random.
func (b *bank) register(ctx context.Context, r registration, files *bankdemo.ClientFiles) (clientKeys, error) {
	own := string(b.environment) + " " + r.name // another in each environment
	keys := clientKeys{ClientID: r.name + "-" + example.ID(b.root, own), ClientSecret: example.Secret(b.root, own),
		Scopes: scopes, AccountID: r.accounts[0], EmiratesID: r.emirates}
	if len(r.accounts) > 1 {
		keys.TwinAccountID = r.accounts[1]
	}
	c := authz.ClientOf(r.kind)
	c.ID, c.Name, c.Organization = keys.ClientID, "Demo "+r.name, r.name
	c.Scopes, c.Subscriptions, c.Lifetimes.Access = scopes, r.products, r.access
	if b.sandbox() {
		c.TestIDs = map[string]string{"account_id": keys.AccountID}
		if keys.EmiratesID != "" {
			c.TestIDs["emirates_id"] = keys.EmiratesID
		}
	}
	if err := b.keys.EnsureOrganization(ctx, r.name, c.Name); err != nil {
		return keys, err
	}
	if _, err := b.keys.EnsureKey(ctx, c, keys.ClientSecret); err != nil {
		return keys, err
	}
	if _, err := b.keys.SetAddresses(ctx, admin.Host().In(r.name), c.ID, b.clientAddresses()); err != nil {
		return keys, err
	}
	if files != nil {
		keys.CertificateFile, keys.KeyFile = files.CertificateFile, files.KeyFile
		if err := b.certify(ctx, c.ID, r.name, files.Pair.Certificate); err != nil {
			return keys, err
		}
	}
	return keys, b.book.mandate(ctx, c.ID, r)
}

// certify registers a certificate, under the name that its file has to have.
// One that is registered already stays as it is.
func (b *bank) certify(ctx context.Context, id, organization string, c *x509.Certificate) error {
	name, err := mtls.NameOf(c)
	if err != nil {
		return err
	}
	_, err = b.keys.ImportCertificate(ctx, admin.Host().In(organization), id, admin.Import{Data: c.Raw, FileName: name.String(), Rules: mtls.Rules{RSAOnly: true}})
	return err
}
