package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gatewright/gatewright/authz"
	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/client"
)

// form asks for a token as the sandbox wants it: HTTP Basic and a form.
func (c *caller) form(ctx context.Context, secret, scope string) (answer, error) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(c.keys.ClientID+":"+secret))
	body := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}.Encode()
	return c.send(ctx, "POST", "/"+c.tokenPath, []byte(body), "Content-Type", "application/x-www-form-urlencoded", "Authorization", basic)
}

// inTheSandbox: API keys and OAuth, and none of the other controls.
func (v *visitor) inTheSandbox(ctx context.Context) error {
	v.sandboxCalls(ctx)
	v.sandboxRefusals(ctx)
	return v.sandboxOnly(ctx)
}

func (v *visitor) sandboxCalls(ctx context.Context) {
	p := v.partner
	v.Step("branches with the client id alone, exchange rates with id and secret, over plain HTTP", func() (string, error) {
		if _, err := p.want(ctx, 200, "", "GET", "/branches", ""); err != nil {
			return "", err
		}
		_, err := p.want(ctx, 200, "", "GET", "/fx_rates", "", "X-IBM-Client-Secret", p.keys.ClientSecret)
		return "200 and 200", err
	})
	v.Step("the documented token request: HTTP Basic and a form", func() (string, error) {
		a, err := p.form(ctx, p.keys.ClientSecret, "beneficiary_management send_money")
		if err := errors.Join(err, a.Want(200, "")); err != nil {
			return "", err
		}
		return describeToken(a)
	})
	v.Step("with package client: a beneficiary is added and listed; the test ids stand in for the account and the person", func() (string, error) {
		who := client.Application(client.Metadata{}, p.keys.Scopes...)
		a, err := p.honestly(ctx, who, "POST", "customers/1234xxxxxx567/beneficiaries", `{"name":"Ada"}`)
		if err := errors.Join(err, a.Want(201, "")); err != nil {
			return "", err
		}
		for _, masked := range []string{"1234xxxxxx567", "7841xxxxxxxxxxxx567"} {
			a, err = p.honestly(ctx, who, "GET", "customers/"+masked+"/beneficiaries", "")
			if err := errors.Join(err, a.Want(200, "")); err != nil {
				return "", err
			}
		}
		return "201, and 200 for both masks", nil
	})
	v.Step("a transfer and its retry move the money once", func() (string, error) {
		bearer, err := p.sandboxBearer(ctx)
		if err != nil {
			return "", err
		}
		const path = "/customers/1234xxxxxx567/transfers"
		keyed := append([]string{"Idempotency-Key", fmt.Sprintf("tour-%d", time.Now().UnixNano())}, bearer...)
		first, err := p.want(ctx, 201, "", "POST", path, `{"amount":"10.00"}`, keyed...)
		if err != nil {
			return "", err
		}
		again, err := p.want(ctx, 201, "", "POST", path, `{"amount":"10.00"}`, keyed...)
		if err != nil || string(first.Body) != string(again.Body) {
			return "", fmt.Errorf("%s, and then %s: %w", first.Body, again.Body, err)
		}
		if _, err := p.want(ctx, 422, "idempotency_key_reused", "POST", path, `{"amount":"11.00"}`, keyed...); err != nil {
			return "", err
		}
		_, err = p.want(ctx, 400, "idempotency_key_required", "POST", path, `{"amount":"10.00"}`, bearer...)
		return "201 twice, the same answer; 422 for another content; 400 without a key", err
	})
}

// sandboxBearer gets a token and returns the header to send it in.
func (c *caller) sandboxBearer(ctx context.Context) ([]string, error) {
	a, err := c.form(ctx, c.keys.ClientSecret, "beneficiary_management send_money")
	if err := errors.Join(err, a.Want(200, "")); err != nil {
		return nil, err
	}
	return []string{"Authorization", "Bearer " + a.Member("access_token")}, nil
}

func (v *visitor) sandboxRefusals(ctx context.Context) {
	p := v.partner
	bearer, err := p.sandboxBearer(ctx)
	refused := func(name, path string, status int, code string, c *caller, headers ...string) {
		v.Step(name, func() (string, error) {
			if err != nil {
				return "", err
			}
			_, err := c.want(ctx, status, code, "GET", path, "", headers...)
			return fmt.Sprintf("%d %s", status, code), err
		})
	}
	asked := func(name string, c *caller, path, secret, scope string, status int, code string) {
		v.Step(name, func() (string, error) {
			other := *c
			other.tokenPath = path
			a, err := other.form(ctx, secret, scope)
			return fmt.Sprintf("%d %s", status, code), errors.Join(err, a.Want(status, code))
		})
	}
	refused("another account's mask", "/customers/9876xxxxxx210/beneficiaries", 403, "masked_id_refused", p, bearer...)
	refused("an id that is not masked", "/customers/1234999999567/beneficiaries", 403, "masked_id_refused", p, bearer...)
	refused("another client's token", "/customers/1234xxxxxx567/beneficiaries", 401, "invalid_token", v.stranger, bearer...)
	refused("no token", "/customers/1234xxxxxx567/beneficiaries", 401, "token_missing", p)
	refused("an unknown client id", "/branches", 401, "invalid_client", p, "X-IBM-Client-Id", "nobody")
	asked("a wrong secret", p, p.tokenPath, token.NewSecret(), "send_money", 401, "invalid_client")
	asked("a scope that the client does not have", p, p.tokenPath, p.keys.ClientSecret, "account_balances", 400, "invalid_scope")
	asked("the bank's own app at the partners' token endpoint", v.internal, "partner_auth/token", v.internal.keys.ClientSecret, "send_money", 400, "unauthorized_client")
	asked("a partner at the token endpoint of the bank's own apps", p, "internal_auth/token", p.keys.ClientSecret, "send_money", 400, "unauthorized_client")
	v.Step("a token request in the dialect of production", func() (string, error) {
		a, err := p.ask(ctx, "send_money", forAccount(p.keys.AccountID))
		return "401 invalid_client: the sandbox wants HTTP Basic", errors.Join(err, a.Want(401, "invalid_client"))
	})
	v.Step("a suspended client", func() (string, error) {
		g, err := v.invite(ctx, nil)
		if err != nil {
			return "", err
		}
		if _, err := g.want(ctx, 200, "", "GET", "/branches", ""); err != nil {
			return "", err
		}
		if _, err := v.keys.SuspendKey(ctx, g.host(), g.keys.ClientID, admin.Options{}); err != nil {
			return "", err
		}
		_, err = g.want(ctx, 401, "invalid_client", "GET", "/branches", "")
		return "200, and then 401 invalid_client", err
	})
}

// sandboxOnly: what is from the sandbox works nowhere else, and nothing else
// works here.
func (v *visitor) sandboxOnly(ctx context.Context) (err error) {
	o, end, err := v.beside(ctx, func(s *settings) { s.environment = authz.Production })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	v.Step("credentials of production", func() (string, error) {
		if _, err := v.partner.want(ctx, 401, "invalid_client", "GET", "/branches", "", "X-IBM-Client-Id", o.partner.keys.ClientID); err != nil {
			return "", err
		}
		other := *v.partner
		other.keys = o.partner.keys
		a, err := other.form(ctx, other.keys.ClientSecret, "send_money")
		return "401 invalid_client", errors.Join(err, a.Want(401, "invalid_client"))
	})
	v.Step("credentials and a token of the sandbox in production", func() (string, error) {
		a, err := o.partner.branches(ctx, "X-IBM-Client-Id", v.partner.keys.ClientID)
		if _, err := o.likeNobody(ctx, a, err); err != nil {
			return "", err
		}
		bearer, err := v.partner.sandboxBearer(ctx)
		if err != nil {
			return "", err
		}
		_, err = o.partner.want(ctx, 401, "invalid_token", "GET", "/customers/1234xxxxxx567/beneficiaries", "", bearer...)
		return "401 invalid_client, 401 invalid_token", err
	})
	return nil
}
