package main

import (
	"context"
	"log/slog"
	"net/http"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/signin"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/policy"
)

// permissions are what the built-in roles give, and so what a key or an app may
// ask for as scopes.
var permissions = []string{"account:create", "account:read", "transaction:read", "transaction:manage", "terminal:assign", "transfer:initiate", "key:manage"}

// newPlatform puts the app together. What a host needs to write is all here.
func newPlatform(ctx context.Context, flags *example.Flags, base string) (_ *platform, err error) {
	p := new(platform)
	defer func() {
		if err != nil {
			_ = p.close()
		}
	}()
	store, closeStore, err := flags.OpenStore(ctx)
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, closeStore)
	root, err := flags.RootOf(ctx, store)
	if err != nil {
		return nil, err
	}
	policies, err := policy.Default()
	if err != nil {
		return nil, err
	}
	pages, err := newPages(root)
	if err != nil {
		return nil, err
	}
	profile := authz.Merchant()
	profile.JSON = true
	server, err := issuer.New(ctx, issuer.Config{
		Issuer:  base,
		Realm:   "quickstart", // one installation, however many ports it listens on
		Store:   store,
		Keys:    []keyring.Root{root},
		Policy:  policies,
		Profile: profile,
		SignIn:  pages,
		Logger:  slog.Default(),
	})
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, server.Close)
	keys, err := admin.New(admin.Config{Installation: server.Installation(), KeyScopes: permissions})
	if err != nil {
		return nil, err
	}
	db, err := flags.OpenHost()
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, func(context.Context) error { return closePool(db) })
	books, err := openLedger(db)
	if err != nil {
		return nil, err
	}
	guard := server.Guard()
	mux := http.NewServeMux()
	mux.Handle("/oauth2/", server)
	mux.Handle("/.well-known/", server)
	mux.Handle("POST /v1/auth/token/issue", server.Token(issuer.TokenOptions{JSONOnly: true, GrantTypes: []string{"client_credentials", "authorization_code"}}))
	mux.Handle("POST /v1/auth/token/refresh", server.Token(issuer.TokenOptions{JSONOnly: true, GrantTypes: []string{"refresh_token"}}))
	mux.Handle("POST /v1/auth/token/revoke", server.Revocation(issuer.RevocationOptions{JSONOnly: true}))
	keys.Mount(mux, "/v1/keys", guard)
	books.routes(mux, server)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := server.Installation().Healthy(r.Context()); err != nil {
			problem(w, http.StatusServiceUnavailable, "unhealthy", "The store does not answer, or its changes are not known.")
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	p.handler = mux
	p.credentials, err = seed(ctx, keys, root, base)
	return p, err
}

func closePool(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

// newPages are the login and consent pages, with one demo user.
func newPages(root keyring.Root) (*signin.Pages, error) {
	hash, err := signin.HashPassword(example.Password(root, userEmail))
	if err != nil {
		return nil, err
	}
	users, err := signin.NewStaticUsers(signin.Account{Username: userEmail, PasswordHash: hash, User: signin.User{Subject: userSubject, Name: "Demo User"}})
	if err != nil {
		return nil, err
	}
	return signin.New(signin.Config{Users: users, Title: "Sign in to the merchant platform"})
}
