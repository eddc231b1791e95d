package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/allowlist"
	"github.com/gatewright/gatewright/authz/clientip"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

// The API products that clients subscribe to.
const (
	partnerAuth   = "partner-authentication"
	internalAuth  = "internal-client-authentication"
	beneficiaries = "beneficiary-management"
	transfers     = "fund-transfer"
)

var (
	grants   = []string{"client_credentials"}
	products = authz.Products{
		partnerAuth:   {GrantTypes: grants},
		internalAuth:  {GrantTypes: grants},
		beneficiaries: {GrantTypes: grants, Scopes: []string{"beneficiary_management"}},
		transfers:     {GrantTypes: grants, Scopes: []string{"send_money"}},
	}
	// metadata is what a token must be bound to for a scope: one of the two.
	metadata = authz.Requires{
		"beneficiary_management": authz.OneOf("account_id", "emirates_id"),
		"send_money":             authz.OneOf("account_id", "emirates_id"),
	}
)

// house is what lies in the data folder and in the database.
type house struct {
	root  keyring.Root
	store storage.Store
	vault *bankdemo.Vault
	db    *gorm.DB // of the host's books

	closeStore func(context.Context) error
}

func openHouse(ctx context.Context, flags *example.Flags) (*house, error) {
	root, err := flags.Root()
	if err != nil {
		return nil, err
	}
	vault, err := bankdemo.OpenVault(flags.Data)
	if err != nil {
		return nil, err
	}
	db, err := flags.OpenHost()
	if err != nil {
		return nil, err
	}
	if err := openBooks(db); err != nil {
		return nil, err
	}
	store, closeStore, err := flags.OpenStore(ctx)
	if err != nil {
		return nil, err
	}
	return &house{root, store, vault, db, closeStore}, nil
}

func (h *house) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return h.closeStore(ctx)
}

// bank is one environment of the bank on its listener.
type bank struct {
	*house
	*settings
	book        *book
	server      *issuer.Server
	keys        *admin.Service
	credentials credentials
	web         *example.Server
}

// open puts the bank together and serves it. What a host needs to write is here:
// one profile says which controls are on, and a configuration that lacks what
// one of them needs does not start.
func (h *house) open(ctx context.Context, s *settings, web *example.Server) (_ *bank, err error) {
	b := &bank{house: h, settings: s, book: &book{h.db, string(s.environment)}, web: web}
	base := s.base(web.Addr())
	policies, err := policy.Default()
	if err != nil {
		return nil, err
	}
	cfg := issuer.Config{
		Issuer:   base,
		Realm:    "partnerbank", // one installation, however many ports it listens on
		Store:    h.store,
		Keys:     []keyring.Root{h.root},
		Policy:   policies,
		Profile:  authz.Bank(s.environment),
		Products: products,
		Metadata: metadata,
		Logger:   slog.Default(),
	}
	keysFile := ""
	if !s.sandbox() {
		if keysFile, err = b.controls(&cfg); err != nil {
			return nil, err
		}
	}
	if b.server, err = issuer.New(ctx, cfg); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.server.Close(context.WithoutCancel(ctx)))
		}
	}()
	if b.keys, err = admin.New(admin.Config{Installation: b.server.Installation()}); err != nil {
		return nil, err
	}
	if b.credentials, err = b.seed(ctx, base, keysFile); err != nil {
		return nil, err
	}
	if err := b.secure(); err != nil {
		return nil, err
	}
	web.Start(b.routes())
	return b, nil
}

// controls configures what UAT and production have on top of API keys and OAuth.
func (b *bank) controls(cfg *issuer.Config) (keysFile string, err error) {
	keys, keysFile, err := b.vault.BankKeys()
	if err != nil {
		return "", err
	}
	message := jose.Bank(keys)
	if b.binding == jose.Strict {
		message.Binding, message.Issuer, message.Origin = jose.Strict, cfg.Issuer, cfg.Issuer
	}
	cfg.Message = &message
	cfg.ClientIP = clientip.Direct()
	if len(b.proxies) > 0 {
		cfg.ClientIP = clientip.FromHeader(clientip.XForwardedFor, b.proxies)
	}
	cfg.ClientCertificates = &mtls.Config{}
	if b.proxied() {
		cfg.ClientCertificates.Proxy = &mtls.Proxy{Header: mtls.HeaderNamed(b.certHeader), Trusted: cfg.ClientIP.FromProxy}
	}
	// A list of public addresses needs no permission; this is a demo on one machine.
	cfg.Addresses = allowlist.Options{AllowLoopback: true, AllowPrivate: len(b.allowed) > 0}
	cfg.MayActFor = b.book.mayActFor
	cfg.OwnsAccount = func(context.Context, string, string) (bool, error) { return false, nil } // no customer signs in here
	return keysFile, nil
}

// secure puts TLS around the listener: a client certificate is demanded in the
// handshake, and judged again for each request. Where proxies end TLS they may
// call without it, and so connections come in without a certificate.
func (b *bank) secure() error {
	if b.sandbox() {
		return nil
	}
	host, _, err := net.SplitHostPort(b.web.Addr())
	if err != nil {
		return err
	}
	own, err := b.vault.ServerCertificate(host)
	if err != nil {
		return err
	}
	config, err := b.server.Installation().ClientCertificates().TLSConfig(own.GetCertificate, mtls.TLSOptions{Optional: b.proxied()})
	if err != nil {
		return err
	}
	b.web.Secure(func(l net.Listener) net.Listener {
		if b.proxied() {
			return bankdemo.Mixed(l, config)
		}
		return tls.NewListener(l, config)
	})
	return nil
}

// close lets requests under way finish.
func (b *bank) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(b.web.Drain(), b.server.Close(ctx))
}
