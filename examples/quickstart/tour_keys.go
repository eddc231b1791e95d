package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// keys: an admin makes a key, and suspends, resumes, rotates and revokes it.
func (t *tourist) keys(ctx context.Context) {
	var admin, live string
	var made keyCredentials
	t.Step("an admin key creates a viewer key; its secret is shown once", func() (string, error) {
		tok, err := t.issue(ctx, t.creds.Keys["admin"])
		if err != nil {
			return "", err
		}
		admin = tok.AccessToken
		a, err := t.call(ctx, "POST", "/v1/keys", admin, `{"name":"Till 7","roles":["viewer"]}`)
		if err := errors.Join(err, a.want(201, "")); err != nil {
			return "", err
		}
		made = keyCredentials{a.member("client_id"), a.member("client_secret")}
		shown, err := t.call(ctx, "GET", "/v1/keys", admin, "")
		if err := errors.Join(err, shown.want(200, "")); err != nil {
			return "", err
		}
		if !strings.Contains(string(shown.body), made.ClientID) || strings.Contains(string(shown.body), "client_secret") {
			return "", errors.New("the list lacks the key, or shows a secret")
		}
		return "201 " + made.ClientID, nil
	})
	t.Step("neither a viewer nor an operator may create keys", func() (string, error) {
		for _, role := range []string{"viewer", "operator"} {
			tok, err := t.issue(ctx, t.creds.Keys[role])
			if err != nil {
				return "", err
			}
			if err := t.expect(ctx, "POST", "/v1/keys", tok.AccessToken, 403, "permission_denied"); err != nil {
				return "", err
			}
		}
		return "403 permission_denied", nil
	})
	t.Step("the new key works", func() (string, error) {
		tok, err := t.issue(ctx, made)
		if err != nil {
			return "", err
		}
		live = tok.AccessToken
		return "200", t.expect(ctx, "GET", "/v1/transactions", live, 200, "")
	})
	act := func(name, action, body string, outcome string, then func() error) {
		t.Step(name, func() (string, error) {
			a, err := t.call(ctx, "POST", "/v1/keys/"+made.ClientID+"/"+action, admin, body)
			if err := errors.Join(err, a.want(200, "")); err != nil {
				return "", err
			}
			return outcome, then()
		})
	}
	reads := func(status int, code string) error {
		return t.expect(ctx, "GET", "/v1/transactions", live, status, code)
	}
	act("suspended, its live token dies on the next request", "suspend", "", "401", func() error { return reads(401, "invalid_token") })
	act("resumed, the same token lives again", "resume", "", "200", func() error { return reads(200, "") })
	t.Step("rotated with an overlap, both secrets work", func() (string, error) {
		a, err := t.call(ctx, "POST", "/v1/keys/"+made.ClientID+"/rotate", admin, `{"overlap":"1h"}`)
		if err := errors.Join(err, a.want(200, "")); err != nil {
			return "", err
		}
		rotated := keyCredentials{made.ClientID, a.member("client_secret")}
		for _, key := range []keyCredentials{made, rotated} {
			if _, err := t.issue(ctx, key); err != nil {
				return "", err
			}
		}
		made = rotated
		return "the old one for one more hour", nil
	})
	t.Step("rotated without, only the new one does", func() (string, error) {
		a, err := t.call(ctx, "POST", "/v1/keys/"+made.ClientID+"/rotate", admin, "")
		if err := errors.Join(err, a.want(200, "")); err != nil {
			return "", err
		}
		refused, err := t.form(ctx, "/oauth2/token", made, "grant_type", "client_credentials")
		if err := errors.Join(err, refused.want(401, "invalid_client")); err != nil {
			return "", err
		}
		made.ClientSecret = a.member("client_secret")
		_, err = t.issue(ctx, made)
		return "invalid_client for the old one", err
	})
	act("revoked, it never works again", "revoke", "", "401, and resuming it is refused", func() error {
		a, err := t.call(ctx, "POST", "/v1/keys/"+made.ClientID+"/resume", admin, "")
		if err != nil {
			return err
		}
		if a.status != 409 {
			return fmt.Errorf("resuming a revoked key: %d %s", a.status, a.body)
		}
		return reads(401, "invalid_token")
	})
	t.Step("a second organization sees nothing of the first", func() (string, error) {
		tok, err := t.issue(ctx, t.creds.OtherOrganization.Admin)
		if err != nil {
			return "", err
		}
		a, err := t.call(ctx, "POST", "/v1/keys/"+t.creds.Keys["viewer"].ClientID+"/suspend", tok.AccessToken, "")
		if err != nil {
			return "", err
		}
		if a.status != 404 {
			return "", fmt.Errorf("suspending a key of the first organization: %d %s", a.status, a.body)
		}
		for _, path := range []string{"/v1/keys", "/v1/accounts", "/v1/transactions"} {
			a, err := t.call(ctx, "GET", path, tok.AccessToken, "")
			if err := errors.Join(err, a.want(200, "")); err != nil {
				return "", err
			}
			if strings.Contains(string(a.body), t.creds.Keys["viewer"].ClientID) || strings.Contains(string(a.body), "initiated") {
				return "", fmt.Errorf("%s shows something of the first organization: %s", path, a.body)
			}
		}
		return "its keys answer 404, its lists are without them", nil
	})
}
