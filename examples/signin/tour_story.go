package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/jose"
)

// story: a customer signs in and consents, and the fintech reads and refreshes.
func (t *tourist) story(ctx context.Context) {
	var code string
	var issued, next bankdemo.Answer
	t.Step("a customer is sent to the bank with an encrypted account, signs in, and allows what the page says", func() (string, error) {
		link, err := t.link(t.uuid, t.number)
		if err != nil {
			return "", err
		}
		v, err := t.visit(ctx, link, nil)
		if err != nil {
			return "", err
		}
		if code, err = v.Code(); err != nil {
			return "", err
		}
		if v.Callback.Query().Get("state") != "state-1" || !strings.HasPrefix(v.Callback.String(), redirect+"?") {
			return "", fmt.Errorf("sent back to %s", v.Callback)
		}
		if len(v.Pages) != 2 || strings.Contains(v.Pages[0], "1234xxxxxx567") || !strings.Contains(v.Pages[1], "For your account <strong><bdi>1234xxxxxx567</bdi>") {
			return "", errors.New("the login page is to show no account, the consent page the masked one")
		}
		for _, page := range v.Pages {
			if strings.Contains(page, t.number) {
				return "", errors.New("a page shows the whole account number")
			}
		}
		return "the consent page names account 1234xxxxxx567; a code and the state come back to " + redirect, nil
	})
	t.Step("the code gets tokens, over mutual TLS, with HTTP Basic and a form; the answer is plain", func() (_ string, err error) {
		if issued, err = t.exchange(ctx, code); err != nil {
			return "", err
		}
		return redacted(issued.JSON()), members(issued, "account_balances account_transactions")
	})
	if code == "" || issued.Status != http.StatusOK {
		return
	}
	t.Step("the fintech reads the account, which it names by its mask; the answer is signed and encrypted", func() (string, error) {
		a, err := t.call(ctx, issued.Member("access_token"), t.path)
		if err := errors.Join(err, a.Want(200, "")); err != nil {
			return "", err
		}
		return string(a.Body), nil
	})
	t.Step("without opening it, nothing of it can be read", func() (string, error) {
		a, err := bankdemo.Send(ctx, t.plain, "GET", t.BaseURL+base+t.path, "", "X-IBM-Client-Id", t.Client.ClientID,
			"Authorization", "Bearer "+issued.Member("access_token"), "MsgId", jose.NewMsgID())
		if err != nil {
			return "", err
		}
		if a.Status != 200 || a.JSON()["recipients"] == nil || strings.Contains(string(a.Body), "Salary") {
			return "", fmt.Errorf("%d %s", a.Status, a.Body)
		}
		return "a JWE in the general JSON serialization", nil
	})
	t.Step("refreshing gives a new pair with the same consented_on; the old access token is dead", func() (_ string, err error) {
		if next, err = t.ask(ctx, "grant_type", "refresh_token", "refresh_token", issued.Member("refresh_token")); err != nil {
			return "", err
		}
		if err := errors.Join(next.Want(200, ""), members(next, "account_balances account_transactions")); err != nil {
			return "", err
		}
		if next.JSON()["consented_on"] != issued.JSON()["consented_on"] {
			return "", errors.New("consented_on has changed")
		}
		if _, err := t.expect(ctx, next.Member("access_token"), t.path, 200, ""); err != nil {
			return "", err
		}
		_, err = t.expect(ctx, issued.Member("access_token"), t.path, 401, "invalid_token")
		return "new 200, old 401", err
	})
}

// library: the same with package client, which is what a Go fintech would use.
func (t *tourist) library(ctx context.Context) {
	t.Step("package client does all of it: link, exchange, tokens kept encrypted, sealed calls, refresh", func() (string, error) {
		bank, err := t.newClient()
		if err != nil {
			return "", err
		}
		defer bank.CloseIdleConnections()
		who := client.Customer{UUID: t.uuid, AccountID: t.number}
		state, verifier := client.NewState(), client.NewState()
		link, err := bank.AuthorizeURL(ctx, client.AuthorizeRequest{Customer: who, Scopes: []string{"account_transactions"}, State: state, Verifier: verifier})
		if err != nil {
			return "", err
		}
		v, err := t.visit(ctx, link, nil)
		if err != nil {
			return "", err
		}
		if _, err := v.Code(); err != nil {
			return "", err
		}
		code, err := client.Callback(v.Callback.Query(), state)
		if err != nil {
			return "", err
		}
		given, err := bank.Exchange(ctx, client.ExchangeRequest{Customer: who, Code: code, Verifier: verifier})
		if err != nil {
			return "", err
		}
		kept, err := bank.Refresh(ctx, who)
		if err != nil {
			return "", err
		}
		if !kept.ConsentedOn.Equal(given.ConsentedOn) {
			return "", errors.New("consented_on has changed")
		}
		api, err := bank.HTTPClient(client.OnBehalfOf(who))
		if err != nil {
			return "", err
		}
		masked, err := client.Mask(t.number)
		if err != nil {
			return "", err
		}
		a, err := bankdemo.Send(ctx, api, "GET", bank.URL("accounts", masked, "transactions"), "")
		return fmt.Sprint(a.Status), errors.Join(err, a.Want(200, ""))
	})
}

func (t *tourist) newClient() (*client.Client, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	pair, err := tls.LoadX509KeyPair(t.Client.CertificateFile, t.Client.KeyFile)
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{Environment: client.Production, BaseURL: t.BaseURL + base, ClientID: t.Client.ClientID, ClientSecret: t.Client.ClientSecret,
		Certificate: pair, BankKeys: t.bank, Binding: t.people.binding, BankID: t.BankID, RootCAs: t.trust,
		SignIn: &client.SignIn{AuthorizeURL: t.BrowserURL + base + "/oauth/authorize", Store: new(client.MemoryStore), Keys: [][]byte{key}}})
}
