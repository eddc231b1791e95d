package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
)

// link is where a fintech sends a customer's browser. Pairs are added to the
// usual parameters; an empty value takes one away.
func (t *tourist) link(k key, pairs ...string) string {
	q := url.Values{"response_type": {"code"}, "client_id": {k.ClientID}, "scope": {"account_balances account_transactions"}, "state": {"state-1"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return t.url + "/oauth/authorize?" + q.Encode()
}

// visit sends the customer to a link with a fresh browser.
func (t *tourist) visit(ctx context.Context, link string, change func(*bankdemo.Browser)) (*bankdemo.Visit, error) {
	browser, err := bankdemo.NewBrowser(nil, t.creds.Customer.Username, t.creds.Customer.Password)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(browser)
	}
	return browser.Visit(ctx, link)
}

// code has the customer sign in and allow what the fintech asks for.
func (t *tourist) code(ctx context.Context, k key, pairs ...string) (string, error) {
	v, err := t.visit(ctx, t.link(k, pairs...), nil)
	if err != nil {
		return "", err
	}
	return v.Code()
}

// exchange redeems a code and wants tokens.
func (t *tourist) exchange(ctx context.Context, k key, code string, pairs ...string) (bankdemo.Answer, error) {
	a, err := t.ask(ctx, signInToken, k, append([]string{"grant_type", "authorization_code", "code", code}, pairs...)...)
	return a, errors.Join(err, a.Want(200, ""))
}

// fintech: a customer signs in, and the fintech reads and refreshes.
func (t *tourist) fintech(ctx context.Context) {
	fintech := t.creds.Clients.Fintech
	var code string
	var issued, next bankdemo.Answer
	t.Step("a customer signs in and allows the fintech, without naming an account", func() (string, error) {
		v, err := t.visit(ctx, t.link(fintech), nil)
		if err != nil {
			return "", err
		}
		if code, err = v.Code(); err != nil {
			return "", err
		}
		if v.Callback.Query().Get("state") != "state-1" || !strings.HasPrefix(v.Callback.String(), fintech.RedirectURI+"?") {
			return "", fmt.Errorf("sent back to %s", v.Callback)
		}
		return "a code and the state come back to " + fintech.RedirectURI, nil
	})
	t.Step("the code gets tokens, with HTTP Basic and a form", func() (_ string, err error) {
		if issued, err = t.exchange(ctx, fintech, code); err != nil {
			return "", err
		}
		return redacted(issued.JSON()), members(issued, "account_balances account_transactions", true)
	})
	t.Step("it lists accounts, and the transactions of the test account by its mask", func() (string, error) {
		if _, err := t.expect(ctx, fintech, issued.Member("access_token"), "/accounts", 200, ""); err != nil {
			return "", err
		}
		return t.expect(ctx, fintech, issued.Member("access_token"), "/accounts/"+maskedTestAccount+"/transactions", 200, "")
	})
	t.Step("the mask of another account is refused", func() (string, error) {
		return t.expect(ctx, fintech, issued.Member("access_token"), "/accounts/1235xxxxxx567/transactions", 403, "masked_id_refused")
	})
	t.Step("refreshing gives a new pair with the same consented_on; the old access token is dead", func() (_ string, err error) {
		if next, err = t.ask(ctx, signInToken, fintech, "grant_type", "refresh_token", "refresh_token", issued.Member("refresh_token")); err != nil {
			return "", err
		}
		if err := errors.Join(next.Want(200, ""), members(next, "account_balances account_transactions", true)); err != nil {
			return "", err
		}
		if next.JSON()["consented_on"] != issued.JSON()["consented_on"] {
			return "", errors.New("consented_on has changed")
		}
		if _, err := t.expect(ctx, fintech, next.Member("access_token"), "/accounts", 200, ""); err != nil {
			return "", err
		}
		_, err = t.expect(ctx, fintech, issued.Member("access_token"), "/accounts", 401, "invalid_token")
		return "new 200, old 401", err
	})
	t.Step("the old refresh token is refused when it is used again, and its whole family dies", func() (string, error) {
		for _, a := range []bankdemo.Answer{issued, next} {
			if _, err := t.refused(ctx, 400, "invalid_grant", signInToken, fintech, "grant_type", "refresh_token", "refresh_token", a.Member("refresh_token")); err != nil {
				return "", err
			}
		}
		_, err := t.expect(ctx, fintech, next.Member("access_token"), "/accounts", 401, "invalid_token")
		return "invalid_grant for both, 401 for the access token", err
	})
}

// fintechRefusals: codes that are no good.
func (t *tourist) fintechRefusals(ctx context.Context) {
	fintech := t.creds.Clients.Fintech
	other := key{}
	t.Step("a code is good for its own client only, and the try does not spend it", func() (_ string, err error) {
		if other, err = t.register(ctx, fintechApp()); err != nil {
			return "", err
		}
		code, err := t.code(ctx, fintech)
		if err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_grant", signInToken, other, "grant_type", "authorization_code", "code", code); err != nil {
			return "", err
		}
		_, err = t.exchange(ctx, fintech, code)
		return "400 invalid_grant for the other, tokens for its own", err
	})
	t.Step("a wrong secret does not spend it either", func() (string, error) {
		code, err := t.code(ctx, fintech)
		if err != nil {
			return "", err
		}
		wrong := fintech
		wrong.ClientSecret = token.NewSecret()
		if _, err := t.refused(ctx, 401, "invalid_client", signInToken, wrong, "grant_type", "authorization_code", "code", code); err != nil {
			return "", err
		}
		_, err = t.exchange(ctx, fintech, code)
		return "401 invalid_client, then tokens", err
	})
	t.Step("a second use of a code is refused, and kills what the first one got", func() (string, error) {
		code, err := t.code(ctx, fintech)
		if err != nil {
			return "", err
		}
		first, err := t.exchange(ctx, fintech, code)
		if err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_grant", signInToken, fintech, "grant_type", "authorization_code", "code", code); err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_grant", signInToken, fintech, "grant_type", "refresh_token", "refresh_token", first.Member("refresh_token")); err != nil {
			return "", err
		}
		_, err = t.expect(ctx, fintech, first.Member("access_token"), "/accounts", 401, "invalid_token")
		return "invalid_grant; the access token 401, the refresh token invalid_grant", err
	})
	t.Step("a code lives for seconds", func() (string, error) {
		brief, err := t.register(ctx, shortLived(fintechApp()))
		if err != nil {
			return "", err
		}
		code, err := t.code(ctx, brief)
		if err != nil {
			return "", err
		}
		time.Sleep(2 * time.Second)
		return t.refused(ctx, 400, "invalid_grant", signInToken, brief, "grant_type", "authorization_code", "code", code)
	})
	t.Step("PKCE is optional, and enforced once it is used", func() (string, error) {
		verifier := oauth2.GenerateVerifier()
		code, err := t.code(ctx, fintech, "code_challenge", oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method", "S256")
		if err != nil {
			return "", err
		}
		for _, wrong := range []string{"", oauth2.GenerateVerifier()} {
			if _, err := t.refused(ctx, 400, "invalid_grant", signInToken, fintech, "grant_type", "authorization_code", "code", code, "code_verifier", wrong); err != nil {
				return "", err
			}
		}
		_, err = t.exchange(ctx, fintech, code, "code_verifier", verifier)
		return "invalid_grant without the verifier and with another, tokens with it", err
	})
	t.Step("a redirect_uri at the token endpoint may be left out, and must be the same if it is sent", func() (string, error) {
		code, err := t.code(ctx, fintech, "redirect_uri", redirect)
		if err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_grant", signInToken, fintech, "grant_type", "authorization_code", "code", code, "redirect_uri", secondRedirect); err != nil {
			return "", err
		}
		_, err = t.exchange(ctx, fintech, code)
		return "invalid_grant for another, tokens without one", err
	})
	t.Step("another fintech cannot use the token", func() (string, error) {
		code, err := t.code(ctx, fintech)
		if err != nil {
			return "", err
		}
		a, err := t.exchange(ctx, fintech, code)
		if err != nil {
			return "", err
		}
		return t.expect(ctx, other, a.Member("access_token"), "/accounts", 401, "invalid_token")
	})
}
