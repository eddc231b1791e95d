package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// fintech is a client by hand: what package client does for you, in pieces that
// a tour can take apart.
type fintech struct {
	credentials
	pair  *mtlstest.Pair // its certificate and key
	trust *x509.CertPool
	bank  *jose.PublicKeys

	plain *http.Client // with its certificate
}

// newFintech reads what the credentials name, as any client would.
func newFintech(c credentials) (*fintech, error) {
	pair, err := tls.LoadX509KeyPair(c.Client.CertificateFile, c.Client.KeyFile)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the fintech's key does not sign")
	}
	ca, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, err
	}
	trust := x509.NewCertPool()
	if !trust.AppendCertsFromPEM(ca) {
		return nil, errors.New("no certificate in ca_file")
	}
	bank, err := jose.ReadPublicKeys(c.BankJWKSFile)
	if err != nil {
		return nil, err
	}
	f := &fintech{credentials: c, trust: trust, bank: bank}
	return f.with(&mtlstest.Pair{Certificate: pair.Leaf, Key: key}), nil
}

// with is the same client with another certificate; nil for none.
func (f *fintech) with(pair *mtlstest.Pair) *fintech {
	other := *f
	other.pair, other.plain = pair, &http.Client{Timeout: 20 * time.Second, Transport: transport(f.trust, pair),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &other
}

// as is the same client under another id and secret.
func (f *fintech) as(id, secret string) *fintech {
	other := *f
	other.Client.ClientID, other.Client.ClientSecret = id, secret
	return &other
}

func transport(trust *x509.CertPool, pair *mtlstest.Pair) *http.Transport {
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}}
	if pair != nil {
		t.TLSClientConfig.Certificates = []tls.Certificate{pair.TLS()}
	}
	return t
}

// sealing is an HTTP client that opens the bank's answers.
func (f *fintech) sealing() (*http.Client, error) {
	key, err := jose.NewPrivateKey("", f.pair.Key)
	if err != nil {
		return nil, err
	}
	binding := jose.Compatible
	if f.Binding == jose.Strict.String() {
		binding = jose.Strict
	}
	sealed, err := jose.NewTransport(jose.TransportConfig{Base: f.plain.Transport, Key: key, Bank: f.bank, Binding: binding,
		ClientID: f.Client.ClientID, BankID: f.BankID})
	return &http.Client{Transport: sealed, Timeout: 20 * time.Second}, err
}

// call calls an API with client id header and token. The answer was sealed, or
// the error is a [*jose.UnsealedError].
func (f *fintech) call(ctx context.Context, token, path string, headers ...string) (bankdemo.Answer, error) {
	c, err := f.sealing()
	if err != nil {
		return bankdemo.Answer{}, err
	}
	return bankdemo.Send(ctx, c, "GET", f.BaseURL+base+path, "", append([]string{"X-IBM-Client-Id", f.Client.ClientID, "Authorization", "Bearer " + token}, headers...)...)
}

// expect calls an API and checks status and code of the sealed answer.
func (f *fintech) expect(ctx context.Context, token, path string, status int, code string) (string, error) {
	a, err := f.call(ctx, token, path)
	said := fmt.Sprint(status)
	if code != "" {
		said += " " + code
	}
	return said + ", sealed", errors.Join(err, a.Want(status, code))
}

// ask sends a token request as the customer sign-in takes it: HTTP Basic and a
// form, over mutual TLS, and the answer is plain.
func (f *fintech) ask(ctx context.Context, pairs ...string) (bankdemo.Answer, error) {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return bankdemo.Send(ctx, f.plain, "POST", f.BaseURL+base+"/oauth/token", form.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", "Authorization", f.basic())
}

func (f *fintech) basic() string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(f.Client.ClientID, f.Client.ClientSecret)
	return r.Header.Get("Authorization")
}

// refused sends a token request and wants it refused.
func (f *fintech) refused(ctx context.Context, status int, code string, pairs ...string) (string, error) {
	a, err := f.ask(ctx, pairs...)
	return fmt.Sprint(status, " ", code), errors.Join(err, a.Want(status, code))
}

// exchange redeems a code and wants tokens.
func (f *fintech) exchange(ctx context.Context, code string, pairs ...string) (bankdemo.Answer, error) {
	a, err := f.ask(ctx, append([]string{"grant_type", "authorization_code", "code", code}, pairs...)...)
	return a, errors.Join(err, a.Want(200, ""))
}

// encrypt makes the account_id parameter: the account number encrypted to the
// bank, in the form of the profile.
func (f *fintech) encrypt(uuid, account string) (string, error) {
	if f.Binding == jose.Strict.String() {
		return jose.SealAccountStrict(jose.Account{AccountID: account, UUID: uuid, ClientID: f.Client.ClientID, Expiry: time.Now().Add(5 * time.Minute)}, f.bank.Encrypting()[0])
	}
	return jose.SealAccount(account, f.bank.Encrypting()[0])
}

// link is where the fintech sends a customer's browser.
func (f *fintech) link(uuid, account string, pairs ...string) (string, error) {
	parameter, err := f.encrypt(uuid, account)
	return f.linkWith(uuid, parameter, pairs...), err
}

// linkWith is a link with a parameter that is made already. Pairs are added to
// the usual ones; an empty value takes one away.
func (f *fintech) linkWith(uuid, parameter string, pairs ...string) string {
	q := url.Values{"response_type": {"code"}, "client_id": {f.Client.ClientID}, "scope": {"account_balances account_transactions"},
		"state": {"state-1"}, "uuid": {uuid}, "account_id": {parameter}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return f.BrowserURL + base + "/oauth/authorize?" + q.Encode()
}

// post sends any body to the token endpoint.
func (f *fintech) post(ctx context.Context, contentType, body string) (bankdemo.Answer, error) {
	return bankdemo.Send(ctx, f.plain, "POST", f.BaseURL+base+"/oauth/token", body, "Content-Type", contentType, "Authorization", f.basic())
}
