package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/mtls/mtlstest"
	"github.com/gatewright/gatewright/storage"
)

// certificates: who does not get near the token endpoint.
func (t *tourist) certificates(ctx context.Context) {
	try := []string{"grant_type", byCode, "code", "gwc_anything"}
	t.Step("no certificate, and one that is unregistered, expired, self-made, of RSA with 1024 bits, or not RSA, does not get through the handshake", func() (string, error) {
		if err := turnedAway(t.with(nil).ask(ctx, try...)); err != nil {
			return "", fmt.Errorf("no certificate: %w", err)
		}
		for name, leaf := range map[string]mtlstest.Leaf{
			"unregistered": {CommonName: "fintech.example", Key: mtlstest.RSA2048},
			"self-made":    {CommonName: "fintech.example", Key: mtlstest.RSA2048, SelfSigned: true},
			"expired": {CommonName: "fintech.example", PrivateKey: t.pair.Key, NotBefore: time.Now().Add(-48 * time.Hour),
				NotAfter: time.Now().Add(-24 * time.Hour)},
			"RSA-1024": {CommonName: "fintech.example", Key: mtlstest.RSA1024},
			"P-256":    {CommonName: "fintech.example", Key: mtlstest.P256},
		} {
			pair, err := t.people.vault.CA().Issue(leaf)
			if err != nil {
				return "", err
			}
			if err := turnedAway(t.with(pair).ask(ctx, try...)); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
		return "six connections refused", nil
	})
	t.Step("another client's certificate, a wrong address (with X-Forwarded-For to the contrary), an unknown client, a wrong secret: one and the same answer", func() (string, error) {
		other, err := t.another(ctx, nil)
		if err != nil {
			return "", err
		}
		elsewhere, err := t.another(ctx, func(c *storage.Client) { c.Prefixes = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
		if err != nil {
			return "", err
		}
		nowhere, err := t.another(ctx, func(c *storage.Client) { c.Prefixes = nil })
		if err != nil {
			return "", err
		}
		first, err := t.with(other.pair).ask(ctx, try...)
		if err := errors.Join(err, first.Want(401, "invalid_client")); err != nil {
			return "", err
		}
		for name, f := range map[string]*fintech{
			"an unknown client": t.as("nobody", t.Client.ClientSecret),
			"a wrong secret":    t.as(t.Client.ClientID, token.NewSecret()),
			"a wrong address":   elsewhere, "an empty address list": nowhere,
		} {
			a, err := bankdemo.Send(ctx, f.plain, "POST", f.BaseURL+base+"/oauth/token", "grant_type=authorization_code&code=gwc_anything",
				"Content-Type", "application/x-www-form-urlencoded", "Authorization", f.basic(), "X-Forwarded-For", "192.0.2.7", "X-Real-IP", "192.0.2.7")
			if err := errors.Join(err, first.Same(a)); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
		return "401 invalid_client, plain", nil
	})
	t.Step("the same at the APIs", func() (string, error) {
		issued, err := t.tokens(ctx, t.fintech, t.number)
		if err != nil {
			return "", err
		}
		other, err := t.another(ctx, nil)
		if err != nil {
			return "", err
		}
		for name, f := range map[string]*fintech{"another client's certificate": t.with(other.pair), "an unknown client": t.as("nobody", "")} {
			_, err := f.call(ctx, issued.Member("access_token"), t.path)
			if err := unsealed(err, 401); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
		a, err := t.with(nil).plainCall(ctx, t.path)
		return "401, plain; and no connection without a certificate", turnedAway(a, err)
	})
	t.Step("a certificate that is revoked while its connection stands", func() (string, error) {
		f, err := t.another(ctx, nil)
		if err != nil {
			return "", err
		}
		issued, err := t.tokens(ctx, f, t.number)
		if err != nil {
			return "", err
		}
		if _, err := f.expect(ctx, issued.Member("access_token"), t.path, 200, ""); err != nil {
			return "", err
		}
		if _, err := t.people.keys.RevokeCertificate(ctx, admin.Host().In(organization), f.Client.ClientID, mtls.ThumbprintOf(f.pair.Certificate)); err != nil {
			return "", err
		}
		_, err = f.call(ctx, issued.Member("access_token"), t.path)
		return "the next request on it: 401", unsealed(err, 401)
	})
	t.Step("clients' endpoints are not where browsers go, nor the other way round", func() (string, error) {
		a, err := bankdemo.Send(ctx, t.with(nil).plain, "POST", t.BrowserURL+base+"/oauth/token", "grant_type=authorization_code&code=gwc_anything",
			"Content-Type", "application/x-www-form-urlencoded", "Authorization", t.basic())
		if err := errors.Join(err, a.Want(404, "")); err != nil {
			return "", err
		}
		b, err := bankdemo.Send(ctx, t.with(nil).plain, "GET", t.BrowserURL+base+t.path, "", "X-IBM-Client-Id", t.Client.ClientID)
		if err := errors.Join(err, b.Want(404, "")); err != nil {
			return "", err
		}
		c, err := t.plainCall(ctx, "/oauth/authorize?client_id="+t.Client.ClientID)
		return "404", errors.Join(err, c.Want(404, ""))
	})
}

// plainCall makes a GET request that shows the client's id and opens nothing.
func (f *fintech) plainCall(ctx context.Context, path string) (bankdemo.Answer, error) {
	return bankdemo.Send(ctx, f.plain, "GET", f.BaseURL+base+path, "", "X-IBM-Client-Id", f.Client.ClientID)
}

// standing: clients that may not act.
func (t *tourist) standing(ctx context.Context) {
	t.Step("a suspended fintech: its live token, its refresh token, and new sign-ins; resumed, all is as before", func() (string, error) {
		f, err := t.another(ctx, nil)
		if err != nil {
			return "", err
		}
		issued, err := t.tokens(ctx, f, t.number)
		if err != nil {
			return "", err
		}
		host := admin.Host().In(organization)
		if _, err := t.people.keys.SuspendKey(ctx, host, f.Client.ClientID, admin.Options{}); err != nil {
			return "", err
		}
		if _, err := f.expect(ctx, issued.Member("access_token"), t.path, 401, "invalid_client"); err != nil {
			return "", err
		}
		if _, err := f.refused(ctx, 401, "invalid_client", "grant_type", refresh, "refresh_token", issued.Member("refresh_token")); err != nil {
			return "", err
		}
		if err := t.declined(ctx, f, "unauthorized_client"); err != nil {
			return "", err
		}
		if _, err := t.people.keys.ResumeKey(ctx, host, f.Client.ClientID, admin.Options{}); err != nil {
			return "", err
		}
		_, err = f.expect(ctx, issued.Member("access_token"), t.path, 200, "")
		return "401 sealed, 401 plain, sent back with unauthorized_client; then 200", err
	})
	t.Step("a fintech that has not subscribed, or does no more", func() (string, error) {
		f, err := t.another(ctx, nil)
		if err != nil {
			return "", err
		}
		issued, err := t.tokens(ctx, f, t.number)
		if err != nil {
			return "", err
		}
		if _, err := t.people.keys.Subscribe(ctx, admin.Host().In(organization), f.Client.ClientID, nil); err != nil {
			return "", err
		}
		if _, err := f.expect(ctx, issued.Member("access_token"), t.path, 403, "not_subscribed"); err != nil {
			return "", err
		}
		if _, err := f.refused(ctx, 400, "unauthorized_client", "grant_type", refresh, "refresh_token", issued.Member("refresh_token")); err != nil {
			return "", err
		}
		return "403 not_subscribed, 400 unauthorized_client, sent back with invalid_scope", t.declined(ctx, f, "invalid_scope")
	})
}

// declined sends the customer to a sign-in that must come to nothing.
func (t *tourist) declined(ctx context.Context, f *fintech, code string, pairs ...string) error {
	link, err := f.link(t.uuid, t.number, pairs...)
	if err != nil {
		return err
	}
	v, err := t.visit(ctx, link, nil)
	if err != nil {
		return err
	}
	return v.Refused(code)
}
