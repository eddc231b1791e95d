package main

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gatewright/gatewright/client"
	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/jose"
	"github.com/gatewright/gatewright/mtls/mtlstest"
)

// caller is a client that makes its requests by hand, so that each part of them
// can be wrong. It knows its credentials and nothing else. The honest way is
// package client, see honest.
type caller struct {
	creds     *credentials
	keys      clientKeys
	tokenPath string

	http   *http.Client
	roots  *x509.CertPool
	pair   *tls.Certificate // nil: shows none
	signer *jose.PrivateKey
	bank   *jose.PublicKeys
}

// newCaller reads the files that the credentials name.
func newCaller(creds *credentials, name string) (*caller, error) {
	keys := creds.Clients[name]
	c := &caller{creds: creds, keys: keys, tokenPath: "partner_auth/token"}
	if name == "internal" {
		c.tokenPath = "internal_auth/token"
	}
	if creds.CAFile == "" {
		c.http = &http.Client{Timeout: 15 * time.Second}
		return c, nil
	}
	authority, err := os.ReadFile(creds.CAFile)
	if err != nil {
		return nil, err
	}
	c.roots = x509.NewCertPool()
	if !c.roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", creds.CAFile)
	}
	if c.bank, err = jose.ReadPublicKeys(creds.BankJWKSFile); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(keys.CertificateFile, keys.KeyFile)
	if err != nil {
		return nil, err
	}
	return c.with(&pair)
}

// with is the same client with another certificate, or with none.
func (c *caller) with(pair *tls.Certificate) (*caller, error) {
	own := *c
	own.pair = pair
	config := &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}
	if pair != nil {
		config.Certificates = []tls.Certificate{*pair}
	}
	own.http = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	if pair == nil {
		return &own, nil
	}
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < jose.MinRSABits {
		return &own, nil // it shows the certificate, and cannot seal
	}
	var err error
	own.signer, err = jose.NewPrivateKey("", key)
	return &own, err
}

func (c *caller) withPair(pair *mtlstest.Pair) (*caller, error) {
	shown := pair.TLS()
	return c.with(&shown)
}

// answer is a response, opened if it was sealed.
type answer struct {
	bankdemo.Answer
	sealed bool
}

// send makes a request with the body as it is. headers are names and values in
// turn; they take the place of the client's own, and an empty value removes one.
func (c *caller) send(ctx context.Context, method, path string, body []byte, headers ...string) (a answer, err error) {
	sent := map[string]string{"X-IBM-Client-Id": c.keys.ClientID, "Accept": "application/json"}
	if body != nil {
		sent["Content-Type"] = "application/json"
	}
	for i := 0; i < len(headers); i += 2 {
		sent[headers[i]] = headers[i+1]
	}
	var flat []string
	for name, value := range sent {
		if value != "" {
			flat = append(flat, name, value)
		}
	}
	a.Answer, err = bankdemo.Send(ctx, c.http, method, c.creds.BaseURL+base+path, string(body), flat...)
	if err != nil || !strings.Contains(string(a.Body), `"recipients"`) {
		return a, err
	}
	opened, err := jose.Open(a.Body, []*jose.PrivateKey{c.signer}, c.bank.Verifying(), jose.OpenOptions{})
	if err != nil {
		return a, fmt.Errorf("the answer does not open: %w", errors.Join(err, errors.Unwrap(err)))
	}
	a.sealed, a.Body = true, opened.Payload
	a.Header.Set("Content-Type", opened.ContentType)
	return a, nil
}

// seal signs and encrypts a payload for one request.
func (c *caller) seal(method, path, msgID, payload string) ([]byte, error) {
	var claims *jose.Claims
	if c.creds.Binding == jose.Strict.String() {
		now := time.Now().Truncate(time.Second)
		claims = &jose.Claims{Issuer: c.keys.ClientID, Audience: c.creds.BankID, IssuedAt: now, Expiry: now.Add(2 * time.Minute), ID: msgID, Method: method, URL: c.creds.BaseURL + base + path}
	}
	return jose.Seal(nil, []byte(payload), c.signer, c.bank.Encrypting()[0], jose.SealOptions{Claims: claims})
}

// call is a request as it should be: sealed if it has a body, under a new MsgId.
func (c *caller) call(ctx context.Context, method, path, payload string, headers ...string) (answer, error) {
	id := jose.NewMsgID()
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "MsgId" {
			id = headers[i+1]
		}
	}
	var body []byte
	if payload != "" {
		body = []byte(payload)
	}
	if body != nil && c.signer != nil {
		var err error
		if body, err = c.seal(method, path, id, payload); err != nil {
			return answer{}, err
		}
	}
	return c.send(ctx, method, path, body, append([]string{"MsgId", id}, headers...)...)
}

// ask asks for a token. metadata is a JSON object, or "" for none.
func (c *caller) ask(ctx context.Context, scope, metadata string, headers ...string) (answer, error) {
	body := `{"grant_type":"client_credentials","scope":"` + scope + `"`
	if metadata != "" {
		body += `,"oauth_metadata":` + metadata
	}
	return c.call(ctx, "POST", "/"+c.tokenPath, body+"}", append([]string{"X-IBM-Client-Secret", c.keys.ClientSecret}, headers...)...)
}

// bearer gets a token for an account and returns the header to send it in.
func (c *caller) bearer(ctx context.Context, account string, scopes ...string) (token []string, err error) {
	if len(scopes) == 0 {
		scopes = c.keys.Scopes
	}
	a, err := c.ask(ctx, strings.Join(scopes, " "), forAccount(account))
	if err == nil {
		err = a.Want(200, "")
	}
	if err != nil {
		return nil, fmt.Errorf("a token: %w", err)
	}
	return []string{"Authorization", "Bearer " + a.Member("access_token")}, nil
}

func forAccount(number string) string {
	text, _ := json.Marshal(map[string]string{"account_id": number})
	return string(text)
}

// want calls as it should and checks the answer.
func (c *caller) want(ctx context.Context, status int, code, method, path, payload string, headers ...string) (answer, error) {
	a, err := c.call(ctx, method, path, payload, headers...)
	if err == nil {
		err = a.Want(status, code)
	}
	return a, err
}

// handshake connects and waits for the server to turn the client away, which in
// TLS 1.3 it learns by its first read.
func (c *caller) handshake(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	dialer := &tls.Dialer{Config: c.http.Transport.(*http.Transport).TLSClientConfig}
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(c.creds.BaseURL, "https://"))
	if err == nil {
		defer func() { _ = conn.Close() }()
		_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		_, err = conn.Read(make([]byte, 1))
	}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, io.EOF):
		return nil // it was let in
	case err != nil && strings.Contains(err.Error(), "remote error: tls"):
		return &turnedAway{err}
	}
	return err
}

// turnedAway is a refusal in the handshake.
type turnedAway struct{ err error }

func (t *turnedAway) Error() string { return "turned away in the handshake: " + t.err.Error() }

// honest is the client as it should be written: configuration in, http.Client out.
func (c *caller) honest() (*client.Client, error) {
	cfg := client.Config{Environment: client.Environment(c.creds.Environment), BaseURL: c.creds.BaseURL + base,
		ClientID: c.keys.ClientID, ClientSecret: c.keys.ClientSecret, TokenPath: c.tokenPath}
	if c.pair != nil {
		cfg.Certificate, cfg.RootCAs, cfg.BankKeys, cfg.BankID = *c.pair, c.roots, c.bank, c.creds.BankID
		cfg.Binding = jose.Compatible
		if c.creds.Binding == jose.Strict.String() {
			cfg.Binding = jose.Strict
		}
	}
	return client.New(cfg)
}
