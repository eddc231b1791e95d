package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/errors"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	"github.com/go-oauth2/oauth2/v4/store"
)

// goOAuth2Server is go-oauth2 with its memory store. It has no introspection and
// no revocation: those are written here on its public methods.
type goOAuth2Server struct {
	manager *manage.Manager
	server  *server.Server
}

func openGoOAuth2(cfg serverConfig) (*subject, error) {
	o := offer{Client: key{"bench-client", rand.Text()}, Resource: key{"bench-resource", rand.Text()}, FirstRefresh: issueForm}
	manager := manage.NewDefaultManager()
	manager.MustTokenStorage(store.NewMemoryTokenStore())
	if cfg.Variant == refreshing {
		manager.SetClientTokenCfg(&manage.Config{AccessTokenExp: 2 * time.Hour, RefreshTokenExp: 72 * time.Hour, IsGenerateRefresh: true})
	}
	clients := store.NewClientStore()
	for _, k := range []key{o.Client, o.Resource} {
		if err := clients.Set(k.ID, &models.Client{ID: k.ID, Secret: k.Secret}); err != nil {
			return nil, err
		}
	}
	manager.MapClientStorage(clients)
	s := &goOAuth2Server{manager: manager, server: server.NewDefaultServer(manager)}
	s.server.SetClientInfoHandler(server.ClientBasicHandler)
	s.server.SetAllowedGrantType(oauth2.ClientCredentials, oauth2.Refreshing)

	mux := http.NewServeMux()
	mux.HandleFunc("POST "+tokenPath, func(w http.ResponseWriter, r *http.Request) { _ = s.server.HandleTokenRequest(w, r) })
	mux.HandleFunc("POST "+introspectPath, s.introspect)
	mux.HandleFunc("POST "+revokePath, s.revoke)
	mux.HandleFunc("GET "+accountsPath, func(w http.ResponseWriter, r *http.Request) {
		token, err := s.server.ValidationBearerToken(r)
		if err != nil || token.GetScope() != permission {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answerAccounts(w, token.GetClientID())
	})
	return &subject{handler: mux, offer: o, close: func(context.Context) error { return nil }}, nil
}

// authenticate compares the secret as the token endpoint does.
func (s *goOAuth2Server) authenticate(r *http.Request) (string, error) {
	id, secret, err := server.ClientBasicHandler(r)
	if err != nil {
		return "", err
	}
	client, err := s.manager.GetClient(r.Context(), id)
	if err != nil {
		return "", err
	}
	if client.GetSecret() != secret {
		return "", errors.ErrInvalidClient
	}
	return id, nil
}

func (s *goOAuth2Server) introspect(w http.ResponseWriter, r *http.Request) {
	if _, err := s.authenticate(r); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var answer struct {
		Active bool   `json:"active"`
		Client string `json:"client_id,omitempty"`
		Scope  string `json:"scope,omitempty"`
		Expiry int64  `json:"exp,omitempty"`
	}
	if token, err := s.manager.LoadAccessToken(r.Context(), r.FormValue("token")); err == nil {
		answer.Active, answer.Client, answer.Scope = true, token.GetClientID(), token.GetScope()
		answer.Expiry = token.GetAccessCreateAt().Add(token.GetAccessExpiresIn()).Unix()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *goOAuth2Server) revoke(w http.ResponseWriter, r *http.Request) {
	client, err := s.authenticate(r)
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	token, err := s.manager.LoadAccessToken(r.Context(), r.FormValue("token"))
	if err != nil || token.GetClientID() != client {
		return
	}
	if err := s.manager.RemoveAccessToken(r.Context(), token.GetAccess()); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}
