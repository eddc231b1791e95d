package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
)

// honestly makes a request with package client as an identity of the client.
func (c *caller) honestly(ctx context.Context, who client.Identity, method, path, payload string, headers ...string) (a answer, err error) {
	api, err := c.honest()
	if err != nil {
		return a, err
	}
	defer api.CloseIdleConnections()
	caller, err := api.HTTPClient(who)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, method, api.URL(strings.Split(path, "/")...), strings.NewReader(payload))
	if err != nil {
		return a, err
	}
	if payload != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := caller.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return answer{Answer: bankdemo.Answer{Status: res.StatusCode, Header: res.Header, Body: body}}, err
}

// application is the client itself, acting on an account.
func (c *caller) application(account string) client.Identity {
	return client.Application(client.Metadata{AccountID: account}, c.keys.Scopes...)
}

// honestClients: everything as it should be, with package client.
func (v *visitor) honestClients(ctx context.Context) {
	p := v.partner
	v.Step("the partner lists branches with its client id alone", func() (string, error) {
		a, err := p.honestly(ctx, client.KeyID(), "GET", "branches", "")
		return "200, signed and encrypted", errors.Join(err, a.Want(200, ""))
	})
	v.Step("it reads exchange rates with client id and secret, without OAuth", func() (string, error) {
		a, err := p.honestly(ctx, client.KeyAndSecret(), "GET", "fx_rates", "")
		return "200", errors.Join(err, a.Want(200, ""))
	})
	v.Step("it adds a beneficiary to its customer's account and finds it in the list", func() (string, error) {
		masked, err := client.Mask(p.keys.AccountID)
		if err != nil {
			return "", err
		}
		path := "customers/" + masked + "/beneficiaries"
		made, err := p.honestly(ctx, p.application(p.keys.AccountID), "POST", path, `{"name":"Ada","iban":"AE070331234567890123456"}`)
		if err := errors.Join(err, made.Want(201, "")); err != nil {
			return "", err
		}
		listed, err := p.honestly(ctx, p.application(p.keys.AccountID), "GET", path, "")
		if err := errors.Join(err, listed.Want(200, "")); err != nil {
			return "", err
		}
		if !strings.Contains(string(listed.Body), made.Member("beneficiary_id")) || listed.Member("account") != masked {
			return "", fmt.Errorf("not in the list: %s", listed.Body)
		}
		return "201, then 200 for " + masked, nil
	})
	v.Step("a token for a person instead of an account works by that person's mask", func() (string, error) {
		masked, err := client.Mask(p.keys.EmiratesID)
		if err != nil {
			return "", err
		}
		who := client.Application(client.Metadata{EmiratesID: p.keys.EmiratesID}, "beneficiary_management")
		a, err := p.honestly(ctx, who, "GET", "customers/"+masked+"/beneficiaries", "")
		return "200 for " + masked, errors.Join(err, a.Want(200, ""))
	})
	v.Step("the bank's own app does the same through its own token endpoint", func() (string, error) {
		c := v.internal
		masked, err := client.Mask(c.keys.AccountID)
		if err != nil {
			return "", err
		}
		a, err := c.honestly(ctx, c.application(c.keys.AccountID), "GET", "customers/"+masked+"/beneficiaries", "")
		return "200 for " + masked, errors.Join(err, a.Want(200, ""))
	})
}

// documentedSamples: the requests of the bank's documentation, to the letter.
func (v *visitor) documentedSamples(ctx context.Context) {
	v.Step("the documented token request, to the letter", func() (string, error) {
		// A guest, because a MsgId is good once for each client, and this one is
		// always the same.
		g, err := v.invite(ctx, func(r *registration, _ *leaf) { r.accounts = []string{"1234567890123"} })
		if err != nil {
			return "", err
		}
		const sample = `{
"grant_type": "client_credentials",
"scope": "beneficiary_management send_money",
"oauth_metadata": {
"account_id":"1234567890123"
}
}`
		a, err := g.call(ctx, "POST", "/partner_auth/token", sample, "X-IBM-Client-Id", g.keys.ClientID, "X-IBM-Client-Secret", g.keys.ClientSecret,
			"Content-Type", "application/json", "Accept", "application/json", "MsgId", "23623864")
		if err := errors.Join(err, a.Want(200, "")); err != nil {
			return "", err
		}
		return describeToken(a)
	})
	v.Step("the documented masks, with the client id and the token in their headers", func() (string, error) {
		p := v.partner
		for _, sample := range []struct{ metadata, masked string }{
			{`{"account_id":"1234999999567"}`, "1234xxxxxx567"},
			{`{"emirates_id":"7841999999999999567"}`, "7841xxxxxxxxxxxx567"},
		} {
			a, err := p.ask(ctx, "beneficiary_management", sample.metadata)
			if err := errors.Join(err, a.Want(200, "")); err != nil {
				return "", err
			}
			path := "/customers/" + sample.masked + "/beneficiaries"
			got, err := p.send(ctx, "GET", path, nil, "X-IBM-Client-Id", p.keys.ClientID, "Authorization", "Bearer "+a.Member("access_token"))
			if err := errors.Join(err, got.Want(200, "")); err != nil {
				return "", err
			}
		}
		return "1234xxxxxx567: 200, 7841xxxxxxxxxxxx567: 200", nil
	})
}

// describeToken holds an answer against the documented members: these and no
// others.
func describeToken(a answer) (string, error) {
	var members struct {
		TokenType   string `json:"token_type"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		ConsentedOn int64  `json:"consented_on"`
		Scope       string `json:"scope"`
	}
	if err := json.Unmarshal(a.Body, &members); err != nil {
		return "", err
	}
	age := time.Since(time.Unix(members.ConsentedOn, 0))
	if len(a.JSON()) != 5 || members.TokenType != "bearer" || members.AccessToken == "" || members.ExpiresIn != 3600 || age < 0 || age > time.Minute || members.Scope != "beneficiary_management send_money" {
		return "", fmt.Errorf("not the documented members: %s", a.Body)
	}
	return "token_type bearer, expires_in 3600, consented_on now, the scopes, and no refresh token", nil
}

// transfers: money moves once, however often it is asked for.
func (v *visitor) transfers(ctx context.Context) {
	p := v.partner
	masked, err := client.Mask(p.keys.AccountID)
	if err != nil {
		return
	}
	path := "customers/" + masked + "/transfers"
	send := func(payload string, headers ...string) (answer, error) {
		return p.honestly(ctx, p.application(p.keys.AccountID), "POST", path, payload, headers...)
	}
	key := fmt.Sprintf("tour-%d", time.Now().UnixNano())
	v.Step("a transfer without an Idempotency-Key is refused", func() (string, error) {
		a, err := send(`{"amount":"10.00"}`)
		return "400 idempotency_key_required", errors.Join(err, a.Want(400, "idempotency_key_required"))
	})
	v.Step("a transfer and its retry, under one key and two MsgIds, move the money once", func() (string, error) {
		first, err := send(`{"amount":"10.00","reference":"rent"}`, "Idempotency-Key", key)
		if err := errors.Join(err, first.Want(201, "")); err != nil {
			return "", err
		}
		again, err := send(`{"reference":"rent","amount":"10.00"}`, "Idempotency-Key", key)
		if err := errors.Join(err, again.Want(201, "")); err != nil {
			return "", err
		}
		if string(first.Body) != string(again.Body) || again.Header.Get("Idempotent-Replayed") != "true" {
			return "", fmt.Errorf("%s, and then %s", first.Body, again.Body)
		}
		return "201 twice, the same answer to the byte: transfer " + first.Member("transfer_id"), nil
	})
	v.Step("the same key with another content is refused", func() (string, error) {
		a, err := send(`{"amount":"99.00"}`, "Idempotency-Key", key)
		return "422 idempotency_key_reused", errors.Join(err, a.Want(422, "idempotency_key_reused"))
	})
	v.Step("two honest requests with the same content and two MsgIds both work", func() (string, error) {
		var answers [2]answer
		for i := range answers {
			var err error
			if answers[i], err = p.want(ctx, 200, "", "POST", "/partner_auth/token", `{"grant_type":"client_credentials","scope":"send_money","oauth_metadata":`+forAccount(p.keys.AccountID)+`}`,
				"X-IBM-Client-Secret", p.keys.ClientSecret); err != nil {
				return "", err
			}
		}
		if answers[0].Member("access_token") == answers[1].Member("access_token") {
			return "", errors.New("two requests got one token")
		}
		return "200 and 200: the signature is the same, the message id is not", nil
	})
}
