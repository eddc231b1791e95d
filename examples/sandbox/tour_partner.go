package main

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/authz/token"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
)

// partner: a token for the client itself, and what it opens.
func (t *tourist) partner(ctx context.Context) {
	partner := t.creds.Clients.Partner
	var token string
	t.Step("a partner gets a token with HTTP Basic and a form, without metadata and without a certificate", func() (string, error) {
		a, err := t.ask(ctx, partnerToken, partner, "grant_type", "client_credentials", "scope", "beneficiary_management send_money")
		if err := errors.Join(err, a.Want(200, "")); err != nil {
			return "", err
		}
		token = a.Member("access_token")
		return redacted(a.JSON()), members(a, "beneficiary_management send_money", false)
	})
	t.Step("it lists customers", func() (string, error) {
		return t.expect(ctx, partner, token, "/customers", 200, "")
	})
	t.Step("the masks of its test ids satisfy a masked route", func() (string, error) {
		for _, mask := range []string{maskedTestAccount, maskedTestPerson} {
			if _, err := t.expect(ctx, partner, token, "/customers/"+mask+"/beneficiaries", 200, ""); err != nil {
				return "", err
			}
		}
		return "200 for " + maskedTestAccount + " and for " + maskedTestPerson, nil
	})
	for _, wrong := range []struct{ name, id string }{
		{"the mask of another id", "1235xxxxxx567"},
		{"the id unmasked", testAccount},
		{"a mask of the wrong length", "1234xxxxx567"},
	} {
		t.Step(wrong.name+" does not", func() (string, error) {
			return t.expect(ctx, partner, token, "/customers/"+wrong.id+"/beneficiaries", 403, "masked_id_refused")
		})
	}
	t.Step("a call without client id, without token, or with a token that is none, is refused", func() (string, error) {
		for _, try := range []struct {
			headers []string
			code    string
		}{
			{[]string{"Authorization", "Bearer " + token}, "invalid_client"},
			{[]string{"X-IBM-Client-Id", partner.ClientID}, "token_missing"},
			{[]string{"X-IBM-Client-Id", partner.ClientID, "Authorization", "Bearer gwa_nonsense"}, "invalid_token"},
		} {
			a, err := bankdemo.Send(ctx, t.http, "GET", t.url+"/customers", "", try.headers...)
			if err := errors.Join(err, a.Want(401, try.code)); err != nil {
				return "", err
			}
		}
		return "401 invalid_client, token_missing, invalid_token", nil
	})
	t.Step("a token without the route's scope is refused", func() (string, error) {
		narrow, err := t.token(ctx, partner, "send_money")
		if err != nil {
			return "", err
		}
		return t.expect(ctx, partner, narrow, "/customers", 403, "insufficient_scope")
	})
	t.Step("another client cannot use the token, nor name the first one beside a token of its own", func() (string, error) {
		other, err := t.register(ctx, partnerApp())
		if err != nil {
			return "", err
		}
		own, err := t.token(ctx, other, "beneficiary_management")
		if err != nil {
			return "", err
		}
		if _, err := t.expect(ctx, other, token, "/customers", 401, "invalid_token"); err != nil {
			return "", err
		}
		return t.expect(ctx, partner, own, "/customers", 401, "invalid_token")
	})
}

// partnerRefusals: token requests that are refused.
func (t *tourist) partnerRefusals(ctx context.Context) {
	partner := t.creds.Clients.Partner
	t.Step("a wrong secret, an unknown client and no credentials at all: one and the same answer", func() (string, error) {
		wrong := partner
		wrong.ClientSecret = token.NewSecret()
		a, err := t.ask(ctx, partnerToken, wrong, "grant_type", "client_credentials", "scope", "send_money")
		if err := errors.Join(err, a.Want(401, "invalid_client")); err != nil {
			return "", err
		}
		for _, k := range []key{{ClientID: "nobody", ClientSecret: partner.ClientSecret}, {}} {
			b, err := t.ask(ctx, partnerToken, k, "grant_type", "client_credentials", "scope", "send_money")
			if err := errors.Join(err, a.Same(b)); err != nil {
				return "", err
			}
		}
		return "401 invalid_client", nil
	})
	t.Step("the secret in the form is not taken", func() (string, error) {
		body := url.Values{"grant_type": {"client_credentials"}, "scope": {"send_money"}, "client_id": {partner.ClientID}, "client_secret": {partner.ClientSecret}}
		a, err := bankdemo.Send(ctx, t.http, "POST", t.url+partnerToken, body.Encode(), "Content-Type", form)
		return "401 invalid_client", errors.Join(err, a.Want(401, "invalid_client"))
	})
	t.Step("JSON, sealed or not, is production's way", func() (string, error) {
		for _, body := range []string{`{"grant_type":"client_credentials","scope":"send_money"}`,
			`{"protected":"e30","recipients":[{"encrypted_key":"AA"}],"iv":"AA","ciphertext":"AA","tag":"AA"}`} {
			a, err := bankdemo.Send(ctx, t.http, "POST", t.url+partnerToken, body, "Content-Type", "application/json", "Authorization", basic(partner))
			if err := errors.Join(err, a.Want(400, "invalid_request")); err != nil {
				return "", err
			}
		}
		return "400 invalid_request", nil
	})
	t.Step("a scope that the client may not have", func() (string, error) {
		return t.refused(ctx, 400, "invalid_scope", partnerToken, partner, "grant_type", "client_credentials", "scope", "account_balances")
	})
	t.Step("a fintech at the partners' endpoint", func() (string, error) {
		return t.refused(ctx, 400, "unauthorized_client", partnerToken, t.creds.Clients.Fintech, "grant_type", "client_credentials", "scope", "account_balances")
	})
	t.Step("a partner at the customer sign-in's", func() (string, error) {
		return t.refused(ctx, 400, "unsupported_grant_type", signInToken, partner, "grant_type", "client_credentials", "scope", "send_money")
	})
	t.Step("a partner that has not subscribed to the product", func() (string, error) {
		c := partnerApp()
		c.Subscriptions = nil
		k, err := t.register(ctx, c)
		if err != nil {
			return "", err
		}
		return t.refused(ctx, 400, "unauthorized_client", partnerToken, k, "grant_type", "client_credentials", "scope", "send_money")
	})
	t.Step("an expired token", func() (string, error) {
		k, err := t.register(ctx, shortLived(partnerApp()))
		if err != nil {
			return "", err
		}
		brief, err := t.token(ctx, k, "beneficiary_management")
		if err != nil {
			return "", err
		}
		time.Sleep(2 * time.Second)
		return t.expect(ctx, k, brief, "/customers", 401, "invalid_token")
	})
	t.Step("a suspended client: its live token and its credentials", func() (string, error) {
		k, err := t.register(ctx, partnerApp())
		if err != nil {
			return "", err
		}
		live, err := t.token(ctx, k, "beneficiary_management")
		if err != nil {
			return "", err
		}
		if _, err := t.bank.keys.SuspendKey(ctx, admin.Host().In("partner-institution"), k.ClientID, admin.Options{}); err != nil {
			return "", err
		}
		if _, err := t.expect(ctx, k, live, "/customers", 401, "invalid_client"); err != nil {
			return "", err
		}
		return t.refused(ctx, 401, "invalid_client", partnerToken, k, "grant_type", "client_credentials", "scope", "beneficiary_management")
	})
}
