package main

import (
	"context"
	"net/http"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/adapters/gormstore"
	"github.com/gatewright/gatewright/adapters/gormstore/sqlitestore"
	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

// openGatewright puts Gatewright together as a host would, with the merchant
// profile and everything that comes with it: audit trail, roles, policy.
func openGatewright(ctx context.Context, cfg serverConfig, base string) (*subject, error) {
	store, err := openStore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	policies, err := policy.Default()
	if err != nil {
		return nil, err
	}
	profile := authz.Merchant()
	if cfg.Variant == references {
		profile.Format = authz.ReferenceTokens
	}
	server, err := issuer.New(ctx, issuer.Config{Issuer: base, Store: store, Keys: []keyring.Root{keyring.NewRoot()}, Policy: policies, Profile: profile})
	if err != nil {
		return nil, err
	}
	keys, err := admin.New(admin.Config{Installation: server.Installation(), KeyScopes: []string{permission}})
	if err != nil {
		return nil, err
	}
	if err := keys.EnsureOrganization(ctx, "bench", "Bench"); err != nil {
		return nil, err
	}
	ensure := func(c storage.Client) (key, error) {
		k := key{ID: c.ID, Secret: token.NewSecret()}
		c.Organization, c.Roles = "bench", []string{"viewer"}
		_, err := keys.EnsureKey(ctx, c, k.Secret)
		return k, err
	}
	grantTypes := []string{"client_credentials"}
	if cfg.Variant == refreshing {
		grantTypes = append(grantTypes, "refresh_token")
	}
	client, err := ensure(storage.Client{ID: "bench-client", GrantTypes: grantTypes})
	if err != nil {
		return nil, err
	}
	resource, err := ensure(storage.Client{ID: "bench-resource", ResourceServer: true})
	if err != nil {
		return nil, err
	}
	guard := server.Guard()
	mux := http.NewServeMux()
	mux.Handle("/oauth2/", server)
	mux.Handle("GET "+accountsPath, guard.Require(authz.Permission(permission))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerAccounts(w, authz.FromContext(r.Context()).Client)
	})))
	return &subject{handler: mux, offer: offer{Client: client, Resource: resource, FirstRefresh: issueForm},
		close: func(ctx context.Context) error {
			if err := server.Close(ctx); err != nil {
				return err
			}
			return store.Close(ctx)
		}}, nil
}

func openStore(ctx context.Context, cfg serverConfig) (*gormstore.Store, error) {
	if cfg.Database == sqlite {
		return sqlitestore.Open(ctx, cfg.DSN)
	}
	db, pool, err := openPostgres(cfg.DSN, &gorm.Config{})
	if err != nil {
		return nil, err
	}
	return gormstore.New(ctx, db, gormstore.Options{Migrate: true, OnClose: pool.Close})
}
