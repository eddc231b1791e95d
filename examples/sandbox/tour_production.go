package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/issuer"
	"github.com/gatewright/gatewright/authz/keyring"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/policy"
	"github.com/gatewright/gatewright/storage"
)

// production: credentials and tokens of another environment are worth nothing
// here, be it over the same database and with the same root secret.
func (t *tourist) production(ctx context.Context) {
	var there key
	var bearer string
	t.Step("production, over the same database and root secret, issues a token to a client of its own", func() (_ string, err error) {
		there, bearer, err = t.abroad(ctx)
		return "200", err
	})
	t.Step("its credentials are an unknown client's here", func() (string, error) {
		a, err := t.ask(ctx, partnerToken, there, "grant_type", "client_credentials", "scope", "send_money")
		if err != nil {
			return "", err
		}
		b, err := t.ask(ctx, partnerToken, key{ClientID: "nobody", ClientSecret: there.ClientSecret}, "grant_type", "client_credentials", "scope", "send_money")
		return "401 invalid_client, the same answer", errors.Join(err, a.Want(401, "invalid_client"), a.Same(b))
	})
	t.Step("so is its token, under its own name and under a sandbox client's", func() (string, error) {
		if _, err := t.expect(ctx, there, bearer, "/customers", 401, "invalid_client"); err != nil {
			return "", err
		}
		return t.expect(ctx, t.creds.Clients.Partner, bearer, "/customers", 401, "invalid_token")
	})
}

// abroad opens an installation of another environment for a moment. What makes
// a real production is left out: the sandbox must refuse its clients whatever
// stands in front of them there.
func (t *tourist) abroad(ctx context.Context) (_ key, bearer string, err error) {
	policies, err := policy.Default()
	if err != nil {
		return key{}, "", err
	}
	profile := authz.Merchant()
	profile.Environment = string(authz.Production)
	server, err := issuer.New(ctx, issuer.Config{Issuer: t.creds.BaseURL, Realm: realm, Store: t.bank.store, Keys: []keyring.Root{t.bank.root},
		Policy: policies, Profile: profile})
	if err != nil {
		return key{}, "", err
	}
	defer func() { err = errors.Join(err, server.Close(context.WithoutCancel(ctx))) }()
	keys, err := admin.New(admin.Config{Installation: server.Installation()})
	if err != nil {
		return key{}, "", err
	}
	k := key{ClientID: "production-" + storage.NewID(time.Now()).String(), ClientSecret: token.NewSecret()}
	c := partnerApp()
	c.ID, c.TestIDs = k.ClientID, nil // test ids are for sandboxes
	if _, err := keys.EnsureKey(ctx, c, k.ClientSecret); err != nil {
		return key{}, "", err
	}
	body := url.Values{"grant_type": {"client_credentials"}, "scope": {"beneficiary_management"}, "client_id": {k.ClientID}, "client_secret": {k.ClientSecret}}
	req := httptest.NewRequestWithContext(ctx, "POST", "/oauth2/token", strings.NewReader(body.Encode()))
	req.Header.Set("Content-Type", form)
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, req)
	a := answerOf(recorder)
	return k, a.Member("access_token"), a.Want(200, "")
}
