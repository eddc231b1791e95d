package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/client"
)

// tokenRequests: what a token endpoint refuses.
func (v *visitor) tokenRequests(ctx context.Context) {
	p := v.partner
	own := forAccount(p.keys.AccountID)
	refused := func(name string, c *caller, scope, metadata string, status int, code string, headers ...string) {
		v.Step(name, func() (string, error) {
			a, err := c.ask(ctx, scope, metadata, headers...)
			if err == nil && !a.sealed {
				err = errors.New("the refusal is not sealed")
			}
			return fmt.Sprintf("%d %s, sealed", status, code), errors.Join(err, a.Want(status, code))
		})
	}
	v.Step("another partner's account is refused as an unknown account is", func() (string, error) {
		others, err := v.stranger.ask(ctx, "send_money", own)
		if err != nil {
			return "", err
		}
		unknown, err := v.stranger.ask(ctx, "send_money", forAccount("4444000044444"))
		if err := errors.Join(err, unknown.Want(403, "access_denied")); err != nil {
			return "", err
		}
		if string(others.Body) != string(unknown.Body) || others.Status != unknown.Status {
			return "", fmt.Errorf("%s and %s", others.Body, unknown.Body)
		}
		return "403 access_denied for both", nil
	})
	refused("missing metadata", p, "send_money", "", 400, "invalid_request")
	refused("surplus metadata: an account and a person at once", p, "send_money", `{"account_id":"1234999999567","emirates_id":"7841999999999999567"}`, 400, "invalid_request")
	refused("surplus metadata: a kind that no scope calls for", p, "send_money", `{"passport_no":"X12345678"}`, 400, "invalid_request")
	refused("malformed metadata", p, "send_money", `{"account_id":"1234 9999"}`, 400, "invalid_request")
	refused("a scope that the client does not have", p, "send_money account_balances", own, 400, "invalid_scope")
	refused("a wrong secret", p, "send_money", own, 401, "invalid_client", "X-IBM-Client-Secret", token.NewSecret())
	refused("another client's secret", p, "send_money", own, 401, "invalid_client", "X-IBM-Client-Secret", v.stranger.keys.ClientSecret)
	at := func(c *caller, path string) *caller {
		other := *c
		other.tokenPath = path
		return &other
	}
	refused("the bank's own app at the partners' token endpoint", at(v.internal, "partner_auth/token"), "send_money", forAccount(v.internal.keys.AccountID), 400, "unauthorized_client")
	refused("a partner at the token endpoint of the bank's own apps", at(p, "internal_auth/token"), "send_money", own, 400, "unauthorized_client")
	v.subscriptions(ctx)
}

// subscriptions: the products that a client has subscribed to, and no others.
func (v *visitor) subscriptions(ctx context.Context) {
	var g *guest
	subscribe := func(products ...string) error {
		_, err := v.keys.Subscribe(ctx, g.host(), g.keys.ClientID, products)
		return err
	}
	v.Step("a client that has not subscribed to partner authentication gets no token", func() (_ string, err error) {
		if g, err = v.invite(ctx, func(r *registration, _ *leaf) { r.products = []string{beneficiaries, transfers} }); err != nil {
			return "", err
		}
		a, err := g.ask(ctx, "send_money", forAccount(g.keys.AccountID))
		return "400 unauthorized_client", errors.Join(err, a.Want(400, "unauthorized_client"))
	})
	if g == nil {
		return
	}
	v.Step("a scope of a product that it has not subscribed to is refused", func() (string, error) {
		if err := subscribe(partnerAuth, beneficiaries); err != nil {
			return "", err
		}
		a, err := g.ask(ctx, "send_money", forAccount(g.keys.AccountID))
		return "400 invalid_scope", errors.Join(err, a.Want(400, "invalid_scope"))
	})
	v.Step("a subscription that ends, ends for tokens that are out already", func() (string, error) {
		masked, err := client.Mask(g.keys.AccountID)
		if err != nil {
			return "", err
		}
		path := "/customers/" + masked + "/beneficiaries"
		bearer, err := g.bearer(ctx, g.keys.AccountID, "beneficiary_management")
		if err != nil {
			return "", err
		}
		if _, err := g.want(ctx, 200, "", "GET", path, "", bearer...); err != nil {
			return "", err
		}
		if err := subscribe(partnerAuth, transfers); err != nil {
			return "", err
		}
		_, err = g.want(ctx, 403, "not_subscribed", "GET", path, "", bearer...)
		return "200, then 403 not_subscribed", err
	})
}

// standing: suspended clients, expired tokens, mandates that end.
func (v *visitor) standing(ctx context.Context) {
	var g *guest
	var path string
	var bearer []string
	v.Step("a suspended client is refused, its live token too", func() (_ string, err error) {
		if g, err = v.invite(ctx, nil); err != nil {
			return "", err
		}
		masked, err := client.Mask(g.keys.AccountID)
		if err != nil {
			return "", err
		}
		path = "/customers/" + masked + "/beneficiaries"
		if bearer, err = g.bearer(ctx, g.keys.AccountID); err != nil {
			return "", err
		}
		if _, err := g.want(ctx, 200, "", "GET", path, "", bearer...); err != nil {
			return "", err
		}
		if _, err := v.keys.SuspendKey(ctx, g.host(), g.keys.ClientID, admin.Options{}); err != nil {
			return "", err
		}
		if _, err := g.want(ctx, 401, "invalid_client", "GET", path, "", bearer...); err != nil {
			return "", err
		}
		a, err := g.ask(ctx, "send_money", forAccount(g.keys.AccountID))
		return "401 for the token, and for a new one", errors.Join(err, a.Want(401, "invalid_client"))
	})
	if g == nil {
		return
	}
	v.Step("resumed, its token works again", func() (string, error) {
		if _, err := v.keys.ResumeKey(ctx, g.host(), g.keys.ClientID, admin.Options{}); err != nil {
			return "", err
		}
		_, err := g.want(ctx, 200, "", "GET", path, "", bearer...)
		return "200", err
	})
	v.Step("a mandate that ends, ends for tokens that are out already", func() (string, error) {
		if err := v.book.endMandate(ctx, g.keys.ClientID, g.keys.AccountID); err != nil {
			return "", err
		}
		_, err := g.want(ctx, 403, "access_denied", "GET", path, "", bearer...)
		return "403 access_denied: the host is asked on every call", err
	})
	v.Step("an expired token is refused", func() (string, error) {
		brief, err := v.invite(ctx, func(r *registration, _ *leaf) { r.access = 3 * time.Second })
		if err != nil {
			return "", err
		}
		masked, err := client.Mask(brief.keys.AccountID)
		if err != nil {
			return "", err
		}
		path := "/customers/" + masked + "/beneficiaries"
		bearer, err := brief.bearer(ctx, brief.keys.AccountID)
		if err != nil {
			return "", err
		}
		if _, err := brief.want(ctx, 200, "", "GET", path, "", bearer...); err != nil {
			return "", err
		}
		time.Sleep(3100 * time.Millisecond)
		_, err = brief.want(ctx, 401, "invalid_token", "GET", path, "", bearer...)
		return "200, and three seconds later 401 invalid_token", err
	})
}
