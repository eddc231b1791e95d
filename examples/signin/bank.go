package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/policy"
)

// customerSignIn is the API product that fintechs subscribe to.
const customerSignIn = "customer-sign-in"

var (
	scopes   = []string{"account_balances", "account_transactions"}
	products = authz.Products{customerSignIn: {Scopes: scopes, GrantTypes: []string{"authorization_code", "refresh_token"}}}
)

// bank is the bank on its two listeners.
type bank struct {
	root        keyring.Root
	vault       *bankdemo.Vault
	book        *book
	binding     jose.Binding
	server      *issuer.Server
	keys        *admin.Service
	pages       *signin.Pages
	credentials credentials

	// forClients asks for certificates; forBrowsers must not, or browsers would
	// ask their customers for one.
	forClients  *example.Server
	forBrowsers *example.Server
	closers     []func(context.Context) error
}

// open puts the bank together and serves it. What a host needs to write is here:
// one profile says which controls are on, and a configuration that lacks what
// one of them needs does not start.
func open(ctx context.Context, flags *example.Flags, s *settings) (_ *bank, err error) {
	b := new(bank)
	defer func() {
		if err != nil {
			_ = b.close()
		}
	}()
	if err := b.listen(flags, s); err != nil {
		return nil, err
	}
	b.credentials.BaseURL, b.credentials.BrowserURL = "https://"+b.forClients.Addr(), "https://"+b.forBrowsers.Addr()
	cfg, err := b.configure(ctx, flags)
	if err != nil {
		return nil, err
	}
	if b.server, err = issuer.New(ctx, *cfg); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.server.Close)
	if b.keys, err = admin.New(admin.Config{Installation: b.server.Installation()}); err != nil {
		return nil, err
	}
	if err := b.seed(ctx); err != nil {
		return nil, err
	}
	return b, b.serve()
}

// listen takes both addresses, so that the URLs are known.
func (b *bank) listen(flags *example.Flags, s *settings) (err error) {
	if b.binding, err = s.binding(); err != nil {
		return err
	}
	if b.forClients, err = example.Listen(flags.Addr); err != nil {
		return err
	}
	at, err := s.browserAt(b.forClients.Addr())
	if err != nil {
		return err
	}
	if b.forBrowsers, err = example.Listen(at); err != nil && s.browserAddr == "" {
		host, _, _ := net.SplitHostPort(at) // the port is somebody's
		b.forBrowsers, err = example.Listen(net.JoinHostPort(host, "0"))
	}
	return err
}

// configure opens what lies in the data folder and in the databases.
func (b *bank) configure(ctx context.Context, flags *example.Flags) (*issuer.Config, error) {
	var err error
	if b.root, err = flags.Root(); err != nil {
		return nil, err
	}
	if b.vault, err = bankdemo.OpenVault(flags.Data); err != nil {
		return nil, err
	}
	bankKeys, keysFile, err := b.vault.BankKeys()
	if err != nil {
		return nil, err
	}
	b.credentials.CAFile, b.credentials.BankJWKSFile = b.vault.CAFile(), keysFile
	db, err := flags.OpenHost()
	if err != nil {
		return nil, err
	}
	if b.book, err = openBook(db); err != nil {
		return nil, err
	}
	store, closeStore, err := flags.OpenStore(ctx)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, closeStore)
	policies, err := policy.Default()
	if err != nil {
		return nil, err
	}
	if b.pages, err = newPages(b.root); err != nil {
		return nil, err
	}
	message := jose.Bank(bankKeys)
	message.Binding, message.Issuer, message.Origin = b.binding, b.credentials.BaseURL, b.credentials.BaseURL
	return &issuer.Config{
		Issuer:             b.credentials.BaseURL,
		Realm:              "signin", // one installation, however many ports it listens on
		Store:              store,
		Keys:               []keyring.Root{b.root},
		Policy:             policies,
		Profile:            authz.Bank(authz.Production),
		SignIn:             b.pages,
		ClientIP:           clientip.Direct(),
		Addresses:          allowlist.Options{AllowLoopback: true}, // it is a demo on one machine
		ClientCertificates: &mtls.Config{},
		Message:            &message,
		OwnsAccount:        b.book.owns,
		MayActFor:          nobodyMayActFor, // no partner institution comes here
		Products:           products,
		Prefix:             base + "/oauth",
		Logger:             slog.Default(),
	}, nil
}

// serve puts TLS around both listeners. At the clients' a certificate is
// demanded in the handshake, and judged again for each request.
func (b *bank) serve() error {
	host, _, err := net.SplitHostPort(b.forClients.Addr())
	if err != nil {
		return err
	}
	own, err := b.vault.ServerCertificate(host)
	if err != nil {
		return err
	}
	mutual, err := b.server.Installation().ClientCertificates().TLSConfig(own.GetCertificate, mtls.TLSOptions{})
	if err != nil {
		return err
	}
	b.forClients.Secure(func(l net.Listener) net.Listener { return tls.NewListener(l, mutual) })
	b.forBrowsers.Secure(func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: own.GetCertificate, NextProtos: []string{"h2", "http/1.1"}})
	})
	b.forClients.Start(b.clientRoutes())
	b.forBrowsers.Start(b.browserRoutes())
	b.closers = append(b.closers, func(context.Context) error { return errors.Join(b.forClients.Drain(), b.forBrowsers.Drain()) })
	return nil
}

// wait returns when the context ends, or when one of the listeners failed.
func (b *bank) wait(ctx context.Context) error {
	done := make(chan error, 2)
	for _, web := range []*example.Server{b.forClients, b.forBrowsers} {
		go func() { done <- web.Wait(ctx) }()
	}
	return <-done
}

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
