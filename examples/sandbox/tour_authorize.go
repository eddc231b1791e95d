package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/examples/internal/bankdemo"
)

// authorizationRefusals: sign-ins that come to nothing.
func (t *tourist) authorizationRefusals(ctx context.Context) {
	fintech := t.creds.Clients.Fintech
	t.Step("a customer who denies", func() (string, error) {
		v, err := t.visit(ctx, t.link(fintech), func(b *bankdemo.Browser) { b.Decision = "deny" })
		if err != nil {
			return "", err
		}
		return "sent back with access_denied", v.Refused("access_denied")
	})
	t.Step("a wrong password", func() (string, error) {
		v, err := t.visit(ctx, t.link(fintech), func(b *bankdemo.Browser) { b.Password = "wrong" })
		if err != nil {
			return "", err
		}
		return "the login page once more, with 400", v.Shown(400, "The name or the password is wrong.")
	})
	t.Step("a scope that the fintech may not have", func() (string, error) {
		v, err := t.visit(ctx, t.link(fintech, "scope", "send_money"), nil)
		if err != nil {
			return "", err
		}
		return "sent back with invalid_scope", v.Refused("invalid_scope")
	})
	t.Step("a partner at the authorization endpoint, which has no address to be sent back to", func() (string, error) {
		v, err := t.visit(ctx, t.link(t.creds.Clients.Partner), nil)
		if err != nil {
			return "", err
		}
		return "a page with 400", v.Shown(400, "invalid_request")
	})
	t.Step("an unknown client, a redirect URI that is not registered, and a secret in the URL are shown and sent nowhere", func() (string, error) {
		for _, link := range []string{t.link(key{ClientID: "nobody"}), t.link(fintech, "redirect_uri", "http://127.0.0.1:8765/callback/elsewhere"),
			t.link(fintech, "redirect_uri", "https://elsewhere.example/callback"), t.link(fintech, "client_secret", "anything")} {
			v, err := t.visit(ctx, link, nil)
			if err := errors.Join(err, shown(v)); err != nil {
				return "", err
			}
		}
		return "pages with 400 invalid_request", nil
	})
	t.Step("a fintech with several redirect URIs names one, as redirect_uri or as redirect_url; two that differ, or none, are refused", func() (string, error) {
		c := fintechApp()
		c.RedirectURIs = []string{redirect, secondRedirect}
		several, err := t.register(ctx, c)
		if err != nil {
			return "", err
		}
		for _, pairs := range [][]string{{}, {"redirect_uri", redirect, "redirect_url", secondRedirect}} {
			v, err := t.visit(ctx, t.link(several, pairs...), nil)
			if err := errors.Join(err, shown(v)); err != nil {
				return "", err
			}
		}
		for _, name := range []string{"redirect_uri", "redirect_url"} {
			v, err := t.visit(ctx, t.link(several, name, secondRedirect), nil)
			if err != nil {
				return "", err
			}
			code, err := v.Code()
			if err != nil {
				return "", err
			}
			if !strings.HasPrefix(v.Callback.String(), secondRedirect+"?") {
				return "", fmt.Errorf("sent to %s", v.Callback)
			}
			if _, err := t.exchange(ctx, several, code, "redirect_uri", secondRedirect); err != nil {
				return "", err
			}
		}
		return "pages with 400 for both, a code by either name", nil
	})
}

func shown(v *bankdemo.Visit) error {
	if v == nil {
		return nil
	}
	return v.Shown(400, "invalid_request")
}
