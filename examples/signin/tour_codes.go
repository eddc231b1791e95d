package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/storage"
)

const (
	byCode  = "authorization_code"
	refresh = "refresh_token"
)

// codes: authorization codes that are no good.
func (t *tourist) codes(ctx context.Context) {
	t.Step("a code is good for its own client only, and the try does not spend it", func() (string, error) {
		other, err := t.another(ctx, nil)
		if err != nil {
			return "", err
		}
		code, err := t.code(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		if _, err := other.refused(ctx, 400, "invalid_grant", "grant_type", byCode, "code", code); err != nil {
			return "", err
		}
		_, err = t.exchange(ctx, code)
		return "400 invalid_grant for the other, tokens for its own", err
	})
	t.Step("a second use of a code is refused, and kills what the first one got", func() (string, error) {
		code, err := t.code(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		first, err := t.exchange(ctx, code)
		if err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_grant", "grant_type", byCode, "code", code); err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_grant", "grant_type", refresh, "refresh_token", first.Member("refresh_token")); err != nil {
			return "", err
		}
		_, err = t.expect(ctx, first.Member("access_token"), t.path, 401, "invalid_token")
		return "invalid_grant; the access token 401, the refresh token invalid_grant", err
	})
	t.Step("a code lives for seconds", func() (string, error) {
		brief, err := t.another(ctx, func(c *storage.Client) { c.Lifetimes.Code = time.Second })
		if err != nil {
			return "", err
		}
		code, err := t.code(ctx, brief, t.number)
		if err != nil {
			return "", err
		}
		time.Sleep(2 * time.Second)
		return brief.refused(ctx, 400, "invalid_grant", "grant_type", byCode, "code", code)
	})
	t.Step("PKCE is optional, and enforced once it is used", func() (string, error) {
		verifier := oauth2.GenerateVerifier()
		code, err := t.code(ctx, t.fintech, t.number, "code_challenge", oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method", "S256")
		if err != nil {
			return "", err
		}
		for _, wrong := range []string{"", oauth2.GenerateVerifier()} {
			if _, err := t.refused(ctx, 400, "invalid_grant", "grant_type", byCode, "code", code, "code_verifier", wrong); err != nil {
				return "", err
			}
		}
		_, err = t.exchange(ctx, code, "code_verifier", verifier)
		return "invalid_grant without the verifier and with another, tokens with it", err
	})
	t.Step("a redirect_uri at the token endpoint may be left out, and must be the same if it is sent", func() (string, error) {
		code, err := t.code(ctx, t.fintech, t.number, "redirect_uri", redirect)
		if err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_grant", "grant_type", byCode, "code", code, "redirect_uri", secondRedirect); err != nil {
			return "", err
		}
		_, err = t.exchange(ctx, code)
		return "invalid_grant for another, tokens without one", err
	})
}

// refreshes: refresh tokens that are no good, and how long good ones live.
func (t *tourist) refreshes(ctx context.Context) {
	t.Step("another client's try of a refresh token neither rotates nor revokes it", func() (string, error) {
		other, err := t.another(ctx, nil)
		if err != nil {
			return "", err
		}
		issued, err := t.tokens(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		if _, err := other.refused(ctx, 400, "invalid_grant", "grant_type", refresh, "refresh_token", issued.Member("refresh_token")); err != nil {
			return "", err
		}
		a, err := t.ask(ctx, "grant_type", refresh, "refresh_token", issued.Member("refresh_token"))
		return "invalid_grant for the other, a new pair for its own", errors.Join(err, a.Want(200, ""))
	})
	t.Step("a refresh token that was used before is refused, and its whole family dies", func() (string, error) {
		issued, err := t.tokens(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		next, err := t.ask(ctx, "grant_type", refresh, "refresh_token", issued.Member("refresh_token"))
		if err := errors.Join(err, next.Want(200, "")); err != nil {
			return "", err
		}
		for _, dead := range []string{issued.Member("refresh_token"), next.Member("refresh_token")} {
			if _, err := t.refused(ctx, 400, "invalid_grant", "grant_type", refresh, "refresh_token", dead); err != nil {
				return "", err
			}
		}
		_, err = t.expect(ctx, next.Member("access_token"), t.path, 401, "invalid_token")
		return "invalid_grant for both, 401 for the access token", err
	})
	t.Step("refresh_token_expires_in is the nearer of two limits: half a year without an exchange, three years from the consent on", func() (string, error) {
		hour, err := t.another(ctx, func(c *storage.Client) { c.Lifetimes.RefreshAbsolute = time.Hour })
		if err != nil {
			return "", err
		}
		issued, err := t.tokens(ctx, hour, t.number)
		if err != nil {
			return "", err
		}
		first, _ := issued.JSON()["refresh_token_expires_in"].(float64)
		time.Sleep(2 * time.Second)
		next, err := hour.ask(ctx, "grant_type", refresh, "refresh_token", issued.Member("refresh_token"))
		if err := errors.Join(err, next.Want(200, "")); err != nil {
			return "", err
		}
		second, _ := next.JSON()["refresh_token_expires_in"].(float64)
		access, _ := next.JSON()["expires_in"].(float64)
		if first < 3590 || first > 3600 || second > first-2 || access > second {
			return "", fmt.Errorf("%v, then %v with an access token for %v", first, second, access)
		}
		return fmt.Sprintf("for a client with an absolute limit of an hour %v, then %v: refreshing does not move it", first, second), nil
	})
	t.Step("a wrong secret, a secret in the form, JSON, and another grant type are refused, in the clear", func() (string, error) {
		code, err := t.code(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		wrong := t.as(t.Client.ClientID, token.NewSecret())
		if _, err := wrong.refused(ctx, 401, "invalid_client", "grant_type", byCode, "code", code); err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_request", "grant_type", byCode, "code", code, "client_secret", t.Client.ClientSecret); err != nil {
			return "", err
		}
		a, err := t.post(ctx, "application/json", `{"grant_type":"authorization_code","code":"`+code+`"}`)
		if err := errors.Join(err, a.Want(400, "invalid_request")); err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "unsupported_grant_type", "grant_type", "client_credentials", "scope", "account_balances"); err != nil {
			return "", err
		}
		_, err = t.exchange(ctx, code)
		return "401 invalid_client, 400 invalid_request twice, 400 unsupported_grant_type; and the code is not spent", err
	})
}
