package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"fmt"
	"net/http"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	gormpostgres "gorm.io/driver/postgres"
	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// openFosite composes fosite as its documentation shows, over a GORM store. Only
// the secrets' hash is not its default: bcrypt at cost 12 would be all there is
// to measure.
func openFosite(cfg serverConfig) (*subject, error) {
	db, pool, err := openFositeDB(cfg)
	if err != nil {
		return nil, err
	}
	store := &fositeStore{db: db}
	if err := store.migrate(); err != nil {
		return nil, err
	}
	o := offer{Client: key{"bench-client", rand.Text()}, Resource: key{"bench-resource", rand.Text()},
		FirstRefresh: "grant_type=password&username=bench&password=bench&scope=account%3Aread%20offline"}
	for _, k := range []key{o.Client, o.Resource} {
		if err := store.createClient(k); err != nil {
			return nil, err
		}
	}
	config := &fosite.Config{GlobalSecret: []byte(rand.Text() + rand.Text()), ClientSecretsHasher: fastHash{}}
	provider := compose.Compose(config, store, compose.NewOAuth2HMACStrategy(config),
		compose.OAuth2ClientCredentialsGrantFactory,
		//lint:ignore SA1019 the shortest way to a first refresh token, before anything is measured
		compose.OAuth2ResourceOwnerPasswordCredentialsFactory,
		compose.OAuth2RefreshTokenGrantFactory,
		compose.OAuth2TokenIntrospectionFactory,
		compose.OAuth2TokenRevocationFactory,
	)
	return &subject{handler: fositeRoutes(provider), offer: o, close: func(context.Context) error { return pool.Close() }}, nil
}

func fositeRoutes(provider fosite.OAuth2Provider) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+tokenPath, func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		request, err := provider.NewAccessRequest(ctx, r, new(fosite.DefaultSession))
		if err != nil {
			provider.WriteAccessError(ctx, w, request, err)
			return
		}
		for _, scope := range request.GetRequestedScopes() {
			request.GrantScope(scope) // those that the client may have; fosite has checked
		}
		response, err := provider.NewAccessResponse(ctx, request)
		if err != nil {
			provider.WriteAccessError(ctx, w, request, err)
			return
		}
		provider.WriteAccessResponse(ctx, w, request, response)
	})
	mux.HandleFunc("POST "+introspectPath, func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		response, err := provider.NewIntrospectionRequest(ctx, r, new(fosite.DefaultSession))
		if err != nil {
			provider.WriteIntrospectionError(ctx, w, err)
			return
		}
		provider.WriteIntrospectionResponse(ctx, w, response)
	})
	mux.HandleFunc("POST "+revokePath, func(w http.ResponseWriter, r *http.Request) {
		provider.WriteRevocationResponse(r.Context(), w, provider.NewRevocationRequest(r.Context(), r))
	})
	mux.HandleFunc("GET "+accountsPath, func(w http.ResponseWriter, r *http.Request) {
		_, request, err := provider.IntrospectToken(r.Context(), fosite.AccessTokenFromRequest(r), fosite.AccessToken, new(fosite.DefaultSession), permission)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answerAccounts(w, request.GetClient().GetID())
	})
	return mux
}

// fastHash is SHA-256.
type fastHash struct{}

func (fastHash) Hash(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	return sum[:], nil
}

func (h fastHash) Compare(ctx context.Context, hash, data []byte) error {
	sum, err := h.Hash(ctx, data)
	if err == nil && subtle.ConstantTimeCompare(sum, hash) != 1 {
		return fosite.ErrInvalidClient
	}
	return err
}

// openFositeDB opens the database with GORM's defaults, SQLite as durable as
// Gatewright's.
func openFositeDB(cfg serverConfig) (*gorm.DB, *sql.DB, error) {
	config := &gorm.Config{Logger: logger.Discard}
	if cfg.Database == postgres {
		return openPostgres(cfg.DSN, config)
	}
	db, err := gorm.Open(gormsqlite.Open("file:"+cfg.DSN+"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=30000&_txlock=immediate"), config)
	if err != nil {
		return nil, nil, err
	}
	pool, err := db.DB()
	return db, pool, err
}

// openPostgres opens a pool of the same size for every server.
func openPostgres(dsn string, config *gorm.Config) (*gorm.DB, *sql.DB, error) {
	config.Logger = logger.Discard
	db, err := gorm.Open(gormpostgres.Open(dsn), config)
	if err != nil {
		return nil, nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(poolSize)
	pool.SetMaxIdleConns(poolSize)
	return db, pool, nil
}
