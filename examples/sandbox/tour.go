package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"time"

	"github.com/gatewright/gatewright/examples/internal/bankdemo"
	"github.com/gatewright/gatewright/examples/internal/example"
	"github.com/gatewright/gatewright/storage"
)

// tourist is a developer who tries out the sandbox over HTTP. The bank's own
// people stand behind it, where the story needs them to register or suspend a
// client.
type tourist struct {
	*example.Tour
	bank  *bank
	url   string
	creds credentials
	http  *http.Client
}

// tour plays the whole story over HTTP.
func tour(ctx context.Context, b *bank) error {
	t := &tourist{Tour: example.NewTour(os.Stdout), bank: b, url: b.credentials.BaseURL + base, creds: b.credentials, http: newClient()}
	t.partner(ctx)
	t.partnerRefusals(ctx)
	t.fintech(ctx)
	t.fintechRefusals(ctx)
	t.authorizationRefusals(ctx)
	t.production(ctx)
	return t.Err()
}

func newClient() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

const form = "application/x-www-form-urlencoded"

// ask sends a token request as the sandbox takes it: HTTP Basic and a form.
func (t *tourist) ask(ctx context.Context, path string, k key, pairs ...string) (bankdemo.Answer, error) {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return bankdemo.Send(ctx, t.http, "POST", t.url+path, values.Encode(), "Content-Type", form, "Authorization", basic(k))
}

func basic(k key) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(k.ClientID, k.ClientSecret)
	return r.Header.Get("Authorization")
}

const (
	partnerToken = "/partner_auth/token"
	signInToken  = "/oauth/token"
)

// refused sends a token request and wants it refused.
func (t *tourist) refused(ctx context.Context, status int, code, path string, k key, pairs ...string) (string, error) {
	a, err := t.ask(ctx, path, k, pairs...)
	return fmt.Sprint(status, " ", code), errors.Join(err, a.Want(status, code))
}

// call calls an API with client id header and token.
func (t *tourist) call(ctx context.Context, k key, token, path string) (bankdemo.Answer, error) {
	return bankdemo.Send(ctx, t.http, "GET", t.url+path, "", "X-IBM-Client-Id", k.ClientID, "Authorization", "Bearer "+token)
}

// expect calls an API and checks status and code.
func (t *tourist) expect(ctx context.Context, k key, token, path string, status int, code string) (string, error) {
	a, err := t.call(ctx, k, token, path)
	said := fmt.Sprint(status)
	if code != "" {
		said += " " + code
	}
	return said, errors.Join(err, a.Want(status, code))
}

// token gets a partner's token.
func (t *tourist) token(ctx context.Context, k key, scope string) (string, error) {
	a, err := t.ask(ctx, partnerToken, k, "grant_type", "client_credentials", "scope", scope)
	if err := errors.Join(err, a.Want(200, "")); err != nil {
		return "", err
	}
	return a.Member("access_token"), nil
}

// register makes another client for a step, with an id that was never used.
func (t *tourist) register(ctx context.Context, c storage.Client) (key, error) {
	return register(ctx, t.bank.keys, t.bank.root, "tour-"+storage.NewID(time.Now()).String(), c)
}

// members checks the members of a token answer and their fixed values.
func members(a bankdemo.Answer, scope string, refreshes bool) error {
	m := a.JSON()
	if m["token_type"] != "bearer" || m["expires_in"] != 3600.0 || m["scope"] != scope || a.Member("access_token") == "" {
		return fmt.Errorf("token answer %s", redacted(m))
	}
	if at, ok := m["consented_on"].(float64); !ok || time.Since(time.Unix(int64(at), 0)).Abs() > time.Hour {
		return fmt.Errorf("consented_on of %s", redacted(m))
	}
	until, ok := m["refresh_token_expires_in"].(float64)
	if refreshes != (a.Member("refresh_token") != "") || refreshes != ok || refreshes && until < 180*24*3600 {
		return fmt.Errorf("refresh token of %s", redacted(m))
	}
	return nil
}

// redacted is JSON with its tokens hidden.
func redacted(m map[string]any) string {
	for _, name := range []string{"access_token", "refresh_token"} {
		if _, ok := m[name]; ok {
			m[name] = "..."
		}
	}
	text, _ := json.Marshal(m)
	return string(text)
}

// answerOf is an answer that did not travel.
func answerOf(r *httptest.ResponseRecorder) bankdemo.Answer {
	return bankdemo.Answer{Status: r.Code, Header: r.Header(), Body: r.Body.Bytes()}
}
