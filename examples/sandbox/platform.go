package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

// base is the path below which the bank's APIs lie, in every environment.
const base = "/rb/api/v1"

// The API products that clients subscribe to.
const (
	customerSignIn = "customer-sign-in"
	partnerAuth    = "partner-authentication"
)

var (
	fintechScopes = []string{"account_balances", "account_transactions"}
	partnerScopes = []string{"beneficiary_management", "send_money"}
	products      = authz.Products{
		customerSignIn: {Scopes: fintechScopes, GrantTypes: []string{"authorization_code", "refresh_token"}},
		partnerAuth:    {Scopes: partnerScopes, GrantTypes: []string{"client_credentials"}},
	}
)

// bank is the sandbox with Gatewright mounted in it.
type bank struct {
	handler     http.Handler
	credentials credentials
	// What a bank's own people have, and the tour needs to play them.
	keys    *admin.Service
	store   storage.Store
	root    keyring.Root
	closers []func(context.Context) error
}

// newBank puts the sandbox together. One value, authz.Bank(authz.Sandbox), says
// which controls are on; the routes are those of production.
func newBank(ctx context.Context, flags *example.Flags, url string) (_ *bank, err error) {
	b := new(bank)
	defer func() {
		if err != nil {
			_ = b.close()
		}
	}()
	store, closeStore, err := flags.OpenStore(ctx)
	if err != nil {
		return nil, err
	}
	b.store, b.closers = store, append(b.closers, closeStore)
	if b.root, err = flags.RootOf(ctx, store); err != nil {
		return nil, err
	}
	policies, err := policy.Default()
	if err != nil {
		return nil, err
	}
	pages, err := newPages(b.root)
	if err != nil {
		return nil, err
	}
	server, err := issuer.New(ctx, issuer.Config{
		Issuer:   url,
		Realm:    realm, // one installation, however many ports it listens on
		Store:    store,
		Keys:     []keyring.Root{b.root},
		Policy:   policies,
		Profile:  authz.Bank(authz.Sandbox),
		SignIn:   pages,
		Products: products,
		Prefix:   base + "/oauth",
		Logger:   slog.Default(),
	})
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, server.Close)
	if b.keys, err = admin.New(admin.Config{Installation: server.Installation()}); err != nil {
		return nil, err
	}
	b.handler = routes(server, pages)
	b.credentials, err = seed(ctx, b.keys, b.root, url)
	return b, err
}

// realm names the installation in every key that is derived from the root.
const realm = "sandbox"

// close undoes in the opposite order.
func (b *bank) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i](ctx))
	}
	return errors.Join(errs...)
}

// newPages are the login and consent pages, with one test customer.
func newPages(root keyring.Root) (*signin.Pages, error) {
	hash, err := signin.HashPassword(example.Password(root, customerName))
	if err != nil {
		return nil, err
	}
	users, err := signin.NewStaticUsers(signin.Account{Username: customerName, PasswordHash: hash, User: signin.User{Subject: customerID, Name: "Test Customer"}})
	if err != nil {
		return nil, err
	}
	return signin.New(signin.Config{Users: users, Title: "Sign in to the bank's sandbox", UsernameLabel: "User name", ScopeText: scopeText})
}

// scopeText is what customers read on the consent page.
func scopeText(scope string) string {
	return map[string]string{
		"account_balances":     "See your accounts and their balances",
		"account_transactions": "See the transactions of your account",
	}[scope]
}
