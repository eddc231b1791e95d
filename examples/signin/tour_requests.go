package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/storage"
)

// requests: sign-ins that come to nothing for other reasons.
func (t *tourist) requests(ctx context.Context) {
	t.Step("a customer who denies, and one who types a wrong password", func() (string, error) {
		link, err := t.link(t.uuid, t.number)
		if err != nil {
			return "", err
		}
		v, err := t.visit(ctx, link, func(b *bankdemo.Browser) { b.Password = "wrong" })
		if err != nil {
			return "", err
		}
		if err := v.Shown(400, "The name or the password is wrong."); err != nil {
			return "", err
		}
		v, err = t.visit(ctx, link, func(b *bankdemo.Browser) { b.Decision = "deny" })
		if err != nil {
			return "", err
		}
		return "sent back with access_denied; the login page once more", v.Refused("access_denied")
	})
	t.Step("a scope that the fintech may not have, another response type, PKCE with plain", func() (string, error) {
		for _, try := range [][3]string{{"scope", "send_money", "invalid_scope"}, {"response_type", "token", "unsupported_response_type"},
			{"code_challenge", strings.Repeat("x", 43), "invalid_request"}} {
			if err := t.declined(ctx, t.fintech, try[2], try[0], try[1]); err != nil {
				return "", fmt.Errorf("%s: %w", try[0], err)
			}
		}
		return "sent back with invalid_scope, unsupported_response_type, invalid_request", nil
	})
	shown := func(f *fintech, pairs ...string) error {
		link, err := f.link(t.uuid, t.number, pairs...)
		if err != nil {
			return err
		}
		v, err := t.visit(ctx, link, nil)
		if err != nil {
			return err
		}
		return v.Shown(400, "invalid_request")
	}
	t.Step("an unknown client, and a redirect URI that is not registered to the letter, are sent nowhere", func() (string, error) {
		return "pages with 400 invalid_request", errors.Join(shown(t.as("nobody", "")), shown(t.fintech, "redirect_uri", redirect+"/"),
			shown(t.fintech, "redirect_uri", "https://fintech.example.evil.example/callback"), shown(t.fintech, "redirect_url", secondRedirect))
	})
	t.Step("a fintech with several redirect URIs names one, as redirect_uri or as redirect_url; two that differ, or none, are refused", func() (string, error) {
		several, err := t.another(ctx, func(c *storage.Client) { c.RedirectURIs = []string{redirect, secondRedirect} })
		if err != nil {
			return "", err
		}
		if err := errors.Join(shown(several), shown(several, "redirect_uri", redirect, "redirect_url", secondRedirect)); err != nil {
			return "", err
		}
		for _, name := range []string{"redirect_uri", "redirect_url"} {
			issued, err := t.tokens(ctx, several, t.number, name, secondRedirect)
			if err := errors.Join(err, issued.Want(200, "")); err != nil {
				return "", err
			}
		}
		return "pages with 400 for both, tokens by either name", nil
	})
}

// endings: the bank ends what a customer has agreed to, or an account is closed.
func (t *tourist) endings(ctx context.Context) {
	dead := func(a bankdemo.Answer) error {
		_, err := t.expect(ctx, a.Member("access_token"), t.path, 401, "invalid_token")
		_, err2 := t.refused(ctx, 400, "invalid_grant", "grant_type", refresh, "refresh_token", a.Member("refresh_token"))
		return errors.Join(err, err2)
	}
	t.Step("the tokens of an account that is closed stop at once, and its refresh token too", func() (string, error) {
		issued, err := t.tokens(ctx, t.fintech, t.twin)
		if err != nil {
			return "", err
		}
		own, err := t.tokens(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		if err := t.people.book.closeAccount(ctx, t.twin, true); err != nil {
			return "", err
		}
		defer func() { _ = t.people.book.closeAccount(context.WithoutCancel(ctx), t.twin, false) }()
		if _, err := t.expect(ctx, issued.Member("access_token"), t.path, 403, "access_denied"); err != nil {
			return "", err
		}
		if _, err := t.refused(ctx, 400, "invalid_grant", "grant_type", refresh, "refresh_token", issued.Member("refresh_token")); err != nil {
			return "", err
		}
		_, err = t.expect(ctx, own.Member("access_token"), t.path, 200, "")
		return "403 access_denied, 400 invalid_grant; the account with the same mask 200", err
	})
	t.Step("the bank ends every grant for an account, and leaves the others alone", func() (string, error) {
		issued, err := t.tokens(ctx, t.fintech, t.twin)
		if err != nil {
			return "", err
		}
		own, err := t.tokens(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		ended, err := t.people.server.EndGrantsForAccount(ctx, t.twin, "reported_stolen")
		if err := errors.Join(err, dead(issued)); err != nil {
			return "", err
		}
		_, err = t.expect(ctx, own.Member("access_token"), t.path, 200, "")
		return fmt.Sprintf("%d ended: 401 and invalid_grant; the account with the same mask 200", ended), err
	})
	t.Step("the bank ends every grant of a customer", func() (string, error) {
		a, err := t.tokens(ctx, t.fintech, t.twin)
		if err != nil {
			return "", err
		}
		b, err := t.tokens(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		ended, err := t.people.server.EndGrantsOf(ctx, t.uuid, "customer_left")
		return fmt.Sprintf("%d ended: 401 and invalid_grant for all", ended), errors.Join(err, dead(a), dead(b))
	})
}
